"""The release that a set of alarms watches: its dimensions, and what its plan allows alarms."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from catalogue.release import ReleasePlan
from falaj.contract import DIMENSION_MODEL, DIMENSION_RELEASE, LIVE_ALIAS
from falaj.domain.plan import PlanKind
from infra.constructs.function_role import sub

LONGEST_WINDOW: Final = timedelta(minutes=5)
MINUTE: Final = timedelta(minutes=1)
BOTH: Final = (2, 2)
"""Two adjacent windows: a change of share can spoil one of them (`evidence_expression`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The release that a set of alarms watches.

    Attributes:
        model: Model name.
        digest: The release's digest, which makes each set's names its own.
        function_name: The function; a token.
        version: The version's number; a token.
        timeout_s: After how long the function ends a request.
        plan: How its share grows.
    """

    model: str
    digest: str
    function_name: str
    version: str
    timeout_s: int
    plan: ReleasePlan

    @property
    def is_alone(self) -> bool:
        """Whether the plan gives the candidate all traffic, with no stable beside it."""
        return self.plan.plan is PlanKind.ALL_AT_ONCE

    @property
    def longest_rollout(self) -> timedelta:
        """How long the rollout takes at most when nobody holds it: every bake, every extension."""
        if self.plan.plan is PlanKind.SPLIT:
            return self.plan.max_duration
        steps = 1 if self.is_alone else max(1, len(self.plan.steps))
        return (1 + self.plan.max_extensions) * self.plan.bake * steps

    @property
    def fallback_period(self) -> timedelta:
        """Window of the fallback: five minutes, or half of a shorter bake, in whole minutes.

        Two windows are then no longer than a bake, and hold at most one change of share.
        """
        return min(LONGEST_WINDOW, max(MINUTE, self.plan.bake // 2 // MINUTE * MINUTE))

    @property
    def minutes_near_timeout(self) -> tuple[int, int]:
        """Two of three minutes; two of two where three could hold two changes of share."""
        return (2, 3) if self.plan.bake >= 3 * MINUTE else BOTH

    def by_release(self) -> dict[str, Any]:
        """Dimensions of the candidate's outcomes."""
        return {DIMENSION_MODEL: self.model, DIMENSION_RELEASE: self.version}

    def over_all(self) -> dict[str, Any]:
        """Dimensions of all releases' outcomes together."""
        return {DIMENSION_MODEL: self.model}

    def by_alias(self) -> dict[str, Any]:
        """Dimensions of Lambda's own metrics for calls by the alias."""
        resource = sub(f"${{Function}}:{LIVE_ALIAS}", Function=self.function_name)
        return {"FunctionName": self.function_name, "Resource": resource}

    def by_executed_version(self) -> dict[str, Any]:
        """Dimensions of Lambda's own metrics for the candidate's part of those calls.

        `Version.metric_*` and `Alias.metric_*` of the CDK lack ExecutedVersion (aws-cdk issue
        14248); an alarm built on them never fires on the canary alone.
        """
        return {**self.by_alias(), "ExecutedVersion": self.version}
