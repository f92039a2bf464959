"""A key that signs: asymmetric, never leaves KMS, cannot be rotated."""

from typing import Any

from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.constructs.customer_key import account_governs
from infra.constructs.keeping import keep


class SigningKey(Construct):
    """An ECC key on curve P-256 that signs and verifies, in this region only.

    Attributes:
        key: The key.

    Source:
        docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html
        (ECC_NIST_P256 with ECDSA_SHA_256); rotate-keys.html: asymmetric keys are not rotated.
    """

    def __init__(
        self, scope: Construct, id_: str, *, purpose: str, only_signer_arn: str | None = None
    ) -> None:
        """Make the key.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            purpose: What it signs, for the console.
            only_signer_arn: The one role that may sign, whatever IAM policies say; None leaves it
                to them.
        """
        super().__init__(scope, id_)
        self.key = kms.CfnKey(
            self,
            "Resource",
            description=f"Falaj: {purpose}",
            key_spec="ECC_NIST_P256",
            key_usage="SIGN_VERIFY",
            multi_region=False,
            key_policy={
                "Version": "2012-10-17",
                "Statement": [
                    account_governs(),
                    *([_nobody_else_signs(only_signer_arn)] if only_signer_arn else []),
                ],
            },
        )
        keep(self.key)


def _nobody_else_signs(role_arn: str) -> dict[str, Any]:
    return {
        "Sid": "NobodyElseSigns",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "kms:Sign",
        "Resource": "*",
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": role_arn}},
    }
