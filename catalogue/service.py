"""What every service of replicas is asked for: how it follows its load, and how it is replaced."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final

from catalogue.settings import Range, fault_if, refuse_unless_valid

LONGEST_IDLE: Final = timedelta(hours=24)


class Deployment(StrEnum):
    """How ECS replaces a release."""

    AUTO = "auto"
    CANARY = "canary"
    LINEAR = "linear"
    ROLLING = "rolling"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceScaling:
    """By what the number of replicas follows the load."""

    queue_ms: Annotated[
        int, Range(1, 10_000), "Mean milliseconds in a replica's queue that scaling aims at."
    ] = 5
    to_zero: Annotated[
        bool, "Keep no replica when idle; the next caller wakes one, which takes minutes."
    ] = False
    idle: Annotated[
        timedelta,
        Range(timedelta(minutes=5), LONGEST_IDLE),
        "Time without a request after which to_zero keeps none.",
    ] = timedelta(minutes=15)

    def __post_init__(self) -> None:
        refuse_unless_valid(
            self,
            fault_if(
                self.idle.total_seconds() % 60 != 0,
                "idle",
                "CloudWatch counts whole minutes; write 15m",
            ),
        )
