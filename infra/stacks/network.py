"""The network that functions run in: no way out, and ways to AWS for what they call."""

from typing import Final

from aws_cdk import Fn, Stack, aws_ssm as ssm
from constructs import Construct

from falaj.contract import (
    NETWORK_CALLERS_PARAMETER,
    NETWORK_DYNAMODB_PARAMETER,
    NETWORK_SUBNETS_PARAMETER,
    key_arn_parameter,
)
from infra.config.deployment import Deployment
from infra.constructs.endpoints import endpoints
from infra.constructs.function_network import FunctionNetwork
from infra.constructs.kept_logs import KeptLogs
from infra.constructs.shared_layer import ssm_value
from infra.stacks.naming import DATA_KEY, leave_bootstrap_check_to_cli, stack_properties

SERVICES: Final = (
    "dynamodb",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "s3",
    "sns",
    "sqs",
    "ssm",
    "sts",
    "xray",
)
"""What functions call; each endpoint is billed by the hour and zone."""


class NetworkStack(Stack):
    """Deployed after the foundation, before every function."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployment: Deployment,
        further: tuple[str, ...] = (),
    ) -> None:
        """Make the stack.

        Args:
            scope: The application.
            id_: The stack's name.
            deployment: Zones and profile.
            further: Services that only some catalogues call.
        """
        super().__init__(scope, id_, **stack_properties(deployment, "network without a way out"))
        leave_bootstrap_check_to_cli(self)
        key_arn = ssm_value(self, "DataKeyArn", key_arn_parameter(DATA_KEY))
        logs = KeptLogs(self, "FlowLogs", settings=deployment.settings, key_arn=key_arn)
        network = FunctionNetwork(
            self,
            "Network",
            az_ids=deployment.az_ids,
            endpoints=endpoints(*SERVICES, *further),
            flow_logs=logs.group,
        )
        told = {
            "Subnets": (
                "StringList",
                NETWORK_SUBNETS_PARAMETER,
                Fn.join(",", list(network.subnets.values())),
            ),
            "Callers": ("String", NETWORK_CALLERS_PARAMETER, network.callers.attr_group_id),
            "DynamoDbUrl": ("String", NETWORK_DYNAMODB_PARAMETER, network.dynamodb_url),
        }
        for name, (kind, parameter, value) in told.items():
            ssm.CfnParameter(self, f"{name}Told", type=kind, name=parameter, value=value)
