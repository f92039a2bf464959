"""What the platform function needs to ask the experiment analyst."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aws_cdk import Stack

from falaj.contract import ANALYST_PARAMETER, ENV_ANALYST
from infra.constructs.function_role import allow, sub
from infra.constructs.shared_layer import ssm_value


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalystAccess:
    """Setting and right; neither where there are no experiments.

    Attributes:
        environment: The analyst's name.
        rights: To invoke it, and nothing else.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    rights: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(cls, stack: Stack) -> Self:
        """Find the analyst through SSM.

        Args:
            stack: The platform function's.
        """
        name = ssm_value(stack, "AnalystName", ANALYST_PARAMETER)
        function = sub(
            "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${Name}",
            Name=name,
        )
        return cls(
            environment={ENV_ANALYST: name},
            rights=(allow("AskAnalyst", ["lambda:InvokeFunction"], [function]),),
        )
