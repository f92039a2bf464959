"""What happens in a region, as values: a command prints them, a test compares them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from local_region.cloudwatch.board import StateChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that a deployment did."""

    stack: str
    logical_id: str
    type: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """Something slow has begun, in a sentence."""

    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StackApplied:
    """A stack is now what its template says."""

    stack: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionLog:
    """A function printed a line."""

    function: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPermitted:
    """A route whose function the gateway may not invoke; it answers 500, as on AWS."""

    route: str
    function_arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The region answers.

    Attributes:
        api_url: Where the API is served.
        aws_url: Where boto3's `endpoint_url` should point.
        models: Models that the API's routes name.
        grpc: Where gRPC is served, by the name that a client asks for on AWS.
        replicas: Each container service with its tasks that answer and those wanted.
        domains: Where each custom domain answers, over TLS.
        authority: The certificate by which clients check these.
    """

    api_url: str
    aws_url: str
    models: tuple[str, ...]
    grpc: tuple[tuple[str, str], ...] = ()
    replicas: tuple[tuple[str, int, int], ...] = ()
    domains: tuple[tuple[str, str], ...] = ()
    authority: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Every process has ended and both ports are free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmChanged:
    """An alarm went from one state to another."""

    change: StateChange


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterChanged:
    """An SSM parameter was created, updated or deleted."""

    name: str
    operation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsMalformed:
    """A function printed metrics that AWS would drop without a word."""

    function: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLost:
    """An event or a notification did not reach its target."""

    target: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRefused:
    """A new synthesis was found and cannot be applied; what was applied before it stays."""

    faults: tuple[str, ...]


Event: TypeAlias = (
    Working
    | StackApplied
    | FunctionLog
    | NotPermitted
    | Ready
    | Closed
    | AlarmChanged
    | ParameterChanged
    | MetricsMalformed
    | EventLost
    | UpdateRefused
)
