"""The release that a set of alarms watches: its dimensions, and what its plan allows alarms."""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from catalogue.release import ReleasePlan
from falaj.contract import DIMENSION_MODEL, DIMENSION_RELEASE, LIVE_ALIAS
from falaj.domain.plan import PlanKind
from infra.constructs.evidence_expression import Windows, evidence_threshold
from infra.constructs.function_role import sub

LONGEST_WINDOW: Final = timedelta(minutes=5)
MINUTE: Final = timedelta(minutes=1)
TOTAL_FAILURE: Final = Windows(period=timedelta(seconds=20), needed=3, of=3)
"""A minute in three parts: one may hold a change of share, two are left to be sure."""
TWO_MINUTES: Final = Windows(period=MINUTE, needed=2, of=2)
TWO_OF_THREE_MINUTES: Final = Windows(period=MINUTE, needed=2, of=3)


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
    def slowly(self) -> Windows:
        """Windows of the fallback: five minutes, or half of a shorter bake, in whole minutes."""
        half = max(MINUTE, self.plan.bake // 2 // MINUTE * MINUTE)
        return Windows(period=min(LONGEST_WINDOW, half), needed=2, of=2)

    @property
    def near_timeout(self) -> Windows:
        """Two of three minutes; two of two where three would be longer than a bake."""
        fits = self.plan.bake >= TWO_OF_THREE_MINUTES.span
        return TWO_OF_THREE_MINUTES if fits else TWO_MINUTES

    def threshold(self, windows: Windows) -> float:
        """Return the log₁₀ E that each of some windows must reach, rounded up."""
        exact = evidence_threshold(
            false_rollback=self.plan.guard.false_rollback,
            watched_for=self.longest_rollout,
            windows=windows,
        )
        return math.ceil(exact * 1000) / 1000

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
