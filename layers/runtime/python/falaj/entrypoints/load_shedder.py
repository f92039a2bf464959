"""The load shedder's Lambda handler: who is short of room lets the last priorities wait.

Whatever wakes it, an alarm's change or the minute's tick, it looks at every model again, so that
lost, late and doubled events change nothing.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import boto3
from botocore.config import Config

from falaj.aws.capacity_reader import CapacityReader
from falaj.aws.shed_levels import ShedLevels
from falaj.contract import (
    ALL_MODELS,
    DIMENSION_MODEL,
    DIMENSION_SCOPE,
    METRIC_NAMESPACE,
    METRIC_SHED,
)
from falaj.domain.clock import Clock, SystemClock
from falaj.domain.quota import LAST
from falaj.domain.shedding import ShedLevel, advance
from falaj.errors import ControllerError, DependencyError
from falaj.telemetry.service_log import ServiceLog

_QUICK: Final = Config(
    connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3}
)


class LoadShedder:
    """Handles every event of the function.

    Args:
        capacity: Who is short, and how short.
        levels: What was said before.
        clock: The time.
        write: Takes each log line; by default standard output.
    """

    def __init__(
        self,
        capacity: CapacityReader,
        levels: ShedLevels,
        *,
        clock: Clock | None = None,
        write: Callable[[str], object] = sys.stdout.write,
    ) -> None:
        self._capacity, self._levels = capacity, levels
        self._clock = clock or SystemClock()
        self._log = ServiceLog("load-shedder", self._clock, write)

    def __call__(self, event: Mapping[str, Any], context: object = None) -> dict[str, Any]:
        """Look at every model that is short, or was.

        Returns:
            The last priority admitted, by model.

        Raises:
            DependencyError: CloudWatch or SSM is dark: nobody knows who is short, and every level
                stays; the next minute looks again.
            ControllerError: Some models could not be looked after; the others were.
        """
        del event, context
        now = self._clock.now()
        short, known = self._capacity.short(), self._levels.read()
        after: dict[str, ShedLevel] = {}
        failures: dict[str, str] = {}
        for model in sorted({*short, *known}):
            before = known.get(model, ShedLevel(since=now))
            try:
                after[model] = self._settled(model, before, short.get(model))
            except DependencyError as error:
                failures[model], after[model] = str(error), before
        self._count(after)
        if failures:
            raise ControllerError(failures)
        return {"admitted": {model: level.admitted for model, level in after.items()}}

    def _settled(self, model: str, before: ShedLevel, function: str | None) -> ShedLevel:
        now = self._clock.now()
        share = 0.0 if function is None else self._capacity.refused_share(function, now=now)
        level = advance(before, refused_share=share, now=now)
        if level != before:
            self._levels.write(model, level)
            self._say(model, before, level, share)
        return level

    def _say(self, model: str, before: ShedLevel, level: ShedLevel, share: float) -> None:
        fell = level.admitted < before.admitted
        self._log(
            "WARNING" if fell else "INFO",
            f"{model} answers priorities 1 to {level.admitted}, before: 1 to {before.admitted}",
            model_name=model,
            admitted=level.admitted,
            before=before.admitted,
            refused_share=round(share, 4),
        )

    def _count(self, levels: Mapping[str, ShedLevel]) -> None:
        """Count who waits, by model and over all, in embedded metrics."""
        waiting = {model: level.waiting for model, level in levels.items() if level.waiting}
        for model, count in waiting.items():
            self._metric(DIMENSION_MODEL, model, count)
        if waiting:
            self._metric(DIMENSION_SCOPE, ALL_MODELS, max(waiting.values()))

    def _metric(self, dimension: str, value: str, count: int) -> None:
        declared = {
            "Namespace": METRIC_NAMESPACE,
            "Dimensions": [[dimension]],
            "Metrics": [{"Name": METRIC_SHED, "Unit": "Count"}],
        }
        at_ms = int(self._clock.now().timestamp() * 1000)
        self._log(
            "INFO",
            f"{count} of {LAST} priorities wait",
            **{
                "_aws": {"Timestamp": at_ms, "CloudWatchMetrics": [declared]},
                dimension: value,
                METRIC_SHED: count,
            },
        )


handler: LoadShedder


def __getattr__(name: str) -> LoadShedder:
    """Make the handler when it is first named, while Lambda initialises the environment."""
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()["handler"] = LoadShedder(
        CapacityReader(boto3.client("cloudwatch", config=_QUICK)),
        ShedLevels(boto3.client("ssm", config=_QUICK)),
    )
    return made
