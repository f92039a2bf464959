"""Batches: a function for each model that answers them, and one state machine."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import Fn, Stack, aws_ssm as ssm
from constructs import Construct

from falaj.contract import BATCH_MACHINE_PARAMETER, BATCH_PURPOSE, batch_function_parameter
from infra.config.deployment import Deployment
from infra.constructs.batch_function import BatchFunction
from infra.constructs.batch_machine import BatchMachine
from infra.constructs.customer_key import CustomerKey
from infra.constructs.publisher_check import warn_of_throw_away_publisher
from infra.constructs.shared_layer import LayerReference
from infra.packaging import ModelPackage
from infra.stacks.naming import leave_bootstrap_check_to_cli, stack_properties


class BatchStack(Stack):
    """What carries batches out, under a key of its own."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployment: Deployment,
        packages: Sequence[tuple[ModelPackage, tuple[LayerReference, ...]]],
    ) -> None:
        """Make the stack.

        Args:
            scope: The application.
            id_: The stack's name.
            deployment: Profile, platform, place and buckets.
            packages: Each model with the staged code of its function, and its layers.
        """
        super().__init__(scope, id_, **stack_properties(deployment, "batches"))
        leave_bootstrap_check_to_cli(self)
        warn_of_throw_away_publisher(self, deployment)
        key = CustomerKey(self, "Key", purpose=BATCH_PURPOSE, statements=[_delivery_may_use()]).key
        functions = []
        for package, layers in packages:
            name = package.model.spec.name
            batch = BatchFunction(
                self,
                f"Batch-{name}",
                package=package,
                layers=layers,
                deployment=deployment,
                key_arn=key.attr_arn,
            )
            functions.append(batch.function.attr_arn)
            ssm.CfnParameter(
                self,
                f"Function-{name}",
                type="String",
                name=batch_function_parameter(name),
                value=batch.function.ref,
            ).node.add_dependency(batch.version)
        machine = BatchMachine(
            self,
            "Machine",
            function_arns=functions,
            deployment=deployment,
            key_arn=key.attr_arn,
        ).machine
        ssm.CfnParameter(
            self,
            "MachineArn",
            type="String",
            name=BATCH_MACHINE_PARAMETER,
            value=machine.ref,
        )


def _delivery_may_use() -> dict[str, Any]:
    """Let log delivery read what the state machine has encrypted.

    Source: docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html (CloudWatch Logs).
    """
    return {
        "Sid": "DeliveryMayUse",
        "Effect": "Allow",
        "Principal": {"Service": "delivery.logs.amazonaws.com"},
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": Fn.sub("${AWS::AccountId}")}},
    }
