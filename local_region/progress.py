"""What happens in a region, as values: a command prints them, a test compares them."""

from dataclasses import dataclass
from typing import TypeAlias

from local_region.deployment import Change


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
    """

    api_url: str
    aws_url: str
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Every process has ended and both ports are free."""


Event: TypeAlias = Working | StackApplied | FunctionLog | NotPermitted | Ready | Closed
