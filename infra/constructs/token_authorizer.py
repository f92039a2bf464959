"""The function that checks bearer tokens before a REST API, with the issuer's keys at hand."""

from typing import Final

from constructs import Construct

from falaj.contract import ACCESS_FILE, ENV_ACCESS, ENV_PROFILE, KEYS_PARAMETER
from infra.config.deployment import Deployment
from infra.constructs.api_access import Authorizer
from infra.constructs.function_role import FunctionAccess, allow, sub
from infra.constructs.invocation_role import InvocationRole
from infra.constructs.issuer_keys import keys_parameter
from infra.constructs.service_function import FunctionCode, FunctionSize, ServiceFunction

SIZE: Final = FunctionSize(memory_mib=512, timeout_s=5)


class TokenAuthorizer(Construct):
    """An authorizer function, its keys, and the role with which API Gateway invokes it.

    Attributes:
        reference: How the API names it.
        function: The function.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        code: FunctionCode,
        keys: str,
        deployment: Deployment,
        key_arn: str | None,
    ) -> None:
        """Make the authorizer.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            code: The handler with its settings packaged.
            keys: The issuer's public keys, a JSON Web Key Set.
            deployment: Profile, platform and Python.
            key_arn: The customer's key for settings and logs; None for AWS's own.
        """
        super().__init__(scope, id_)
        parameter = keys_parameter(self, "Keys", keys)
        place = sub(
            "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter" + KEYS_PARAMETER
        )
        use_key = [allow("DecryptOwnSettings", ["kms:Decrypt"], [key_arn])] if key_arn else []
        self.function = ServiceFunction(
            self,
            "Check",
            code=code,
            size=SIZE,
            environment={ENV_PROFILE: deployment.profile.value, ENV_ACCESS: ACCESS_FILE},
            description="Checks bearer tokens: who calls, and what a token opens",
            deployment=deployment,
            access=FunctionAccess(
                key_arn=key_arn,
                statements=(allow("ReadIssuerKeys", ["ssm:GetParameter"], [place]), *use_key),
            ),
        ).function
        self.function.add_resource_dependency(parameter)
        role = InvocationRole(self, "Invoke", function_arns=[self.function.attr_arn])
        self.reference = Authorizer(
            function_arn=self.function.attr_arn, role_arn=role.role.attr_arn
        )
