"""One role per function, with no right it does not use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from constructs import Construct

from infra.constructs.bounded_role import bounded_role, trust


def allow(sid: str, actions: Sequence[str], resources: Sequence[Any]) -> dict[str, Any]:
    """Write one statement that allows."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": resources[0] if len(resources) == 1 else list(resources),
    }


def sub(text: str, **names: str) -> dict[str, Any]:
    """Write `Fn::Sub` for a policy; plain JSON, which spares a call into the CDK."""
    return {"Fn::Sub": [text, names] if names else text}


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionAccess:
    """What a function may use beyond its own logs and traces.

    Attributes:
        key_arn: The customer's key for its settings and logs; None for AWS's own.
        statements: Further rights, made by `allow`.
    """

    key_arn: str | None = None
    statements: tuple[dict[str, Any], ...] = ()


class FunctionRole(Construct):
    """A Lambda function's own role: its logs, its traces, and what else is named.

    Attributes:
        role: The role.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        log_group: str,
        statements: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Make the role.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            log_group: Name of the function's log group.
            statements: Further rights, made by `allow`.
        """
        super().__init__(scope, id_)
        streams = sub(
            "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${Group}:*",
            Group=log_group,
        )
        own = (
            allow("WriteOwnLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], [streams]),
            # X-Ray's write actions take no resource; AWS documents `*` for them.
            allow("WriteTraces", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"]),
        )
        self.role = bounded_role(
            self, "Resource", trusted=trust("lambda.amazonaws.com"), statements=[*own, *statements]
        )
