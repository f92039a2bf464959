"""What is rehearsed, and what came of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

from falaj.errors import ConfigurationError
from local_region.rehearsal.callers import Caller
from local_region.rehearsal.faults import Fault
from local_region.rehearsal.outages import Outage

TRAFFIC_RPS: Final = 5.0
USUAL_LOAD: Final = 0.8
"""Part of the room of all zones that the traffic takes: two of three hold it, one does not."""


class Ending(StrEnum):
    """How a rehearsal ends."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    INCONCLUSIVE = "inconclusive"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A rollout under conditions.

    Attributes:
        model: Whose.
        traffic_rps: Requests a second, on average.
        faults: What goes wrong.
        outages: What of the region fails for a while.
        callers: On whose behalf requests are, in turn at random; nobody's without.
        load_share: Part of the room of all zones that the traffic takes; heeded while some are
            lost.
        begins_s: When it begins to, in virtual seconds after the release; with the candidate's
            first share if None.
        seed: Of everything random.
    """

    model: str
    traffic_rps: float = TRAFFIC_RPS
    faults: tuple[Fault, ...] = ()
    outages: tuple[Outage, ...] = ()
    callers: tuple[Caller, ...] = ()
    load_share: float = USUAL_LOAD
    begins_s: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        faults = []
        if not 0 <= self.traffic_rps < float("inf"):
            faults.append(f"traffic {self.traffic_rps}: requests a second, at least 0")
        if not 0 < self.load_share < float("inf"):
            faults.append(f"load {self.load_share}: a part of the zones' room, above 0")
        if self.begins_s is not None and not 0 <= self.begins_s < float("inf"):
            faults.append(f"faults begin at {self.begins_s}: at least 0 seconds after the release")
        if faults:
            raise ConfigurationError(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened.

    Attributes:
        at_s: Virtual seconds after the release; negative before it.
        kind: `release`, `share`, `decision`, `alarm`, `fault`, `wait` or `end`.
        text: For people.
        share: The candidate's share from then on, where it changed.
    """

    at_s: float
    kind: str
    text: str
    share: float | None = None


@dataclass(slots=True, kw_only=True)
class Span:
    """What was served in one stretch of virtual time.

    Attributes:
        at_s: When it begins, after the release.
        candidate: Requests the candidate answered or lost.
        candidate_bad: Those answered 5xx.
        stable: Requests stable answered or lost.
        stable_bad: Those answered 5xx.
    """

    at_s: float
    candidate: int = 0
    candidate_bad: int = 0
    stable: int = 0
    stable_bad: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What the controller said when it looked.

    Attributes:
        at_s: When, after the release.
        share: The candidate's share.
        log_evidence: log₁₀(α·E): at 0 or above it rolls back; None while nothing is known.
        phase: Of the rollout.
        decision: What was decided on it, such as `stepped` or `harmed`; empty when nothing was.
    """

    at_s: float
    share: float
    log_evidence: float | None
    phase: str
    decision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a rehearsal.

    Attributes:
        scenario: What was rehearsed.
        from_version: Model version that was stable.
        to_version: Model version that was the candidate.
        plan: The plan, as the template states it.
        verdict: How it ended.
        reason: In a sentence.
        cause: The alarm or the guard's objective that decided; empty for none.
        requests: All requests of callers since the release.
        unanswered: Requests that got no answer at all; 0 unless something is broken.
        candidate_requests: Requests that the candidate got; of a shadow, copies.
        candidate_bad: Those it answered 5xx.
        candidate_cold_starts: Those of its answers that were an environment's first.
        stable_requests: Requests that stable got since the release.
        stable_bad: Those it answered 5xx.
        virtual_seconds: From the release to the end.
        final_alias: Version and weights of the alias in the end.
        outages: What of the region failed, and what became of requests meanwhile.
        throttled: Requests for which Lambda had no room; they reached no version.
        minutes: What callers of each priority were answered, where there are callers.
        timeline: What happened, in order.
        spans: Requests over time.
        levels: What the controller said over time.
    """

    scenario: Scenario
    from_version: str
    to_version: str
    plan: Mapping[str, Any]
    verdict: Ending
    reason: str
    cause: str
    requests: int
    unanswered: int
    candidate_requests: int
    candidate_bad: int
    candidate_cold_starts: int
    stable_requests: int
    stable_bad: int
    virtual_seconds: float
    final_alias: Mapping[str, Any]
    outages: tuple[Mapping[str, Any], ...] = ()
    throttled: int = 0
    minutes: tuple[Mapping[str, Any], ...] = ()
    timeline: tuple[Moment, ...]
    spans: tuple[Span, ...] = field(repr=False)
    levels: tuple[Level, ...] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Write it as JSON values; the same rehearsal gives the same text."""
        scenario = self.scenario
        return {
            "verdict": self.verdict.value,
            "reason": self.reason,
            "cause": self.cause,
            "model": scenario.model,
            "from": self.from_version,
            "to": self.to_version,
            "seed": scenario.seed,
            "traffic_rps": scenario.traffic_rps,
            "faults": [
                {"fault": str(fault), "reach": "both" if fault.is_shared else "candidate"}
                for fault in scenario.faults
            ],
            "requests": self.requests,
            "unanswered": self.unanswered,
            "candidate_requests": self.candidate_requests,
            "candidate_bad": self.candidate_bad,
            "candidate_cold_starts": self.candidate_cold_starts,
            "stable_requests": self.stable_requests,
            "stable_bad": self.stable_bad,
            "virtual_seconds": self.virtual_seconds,
            "final_alias": dict(self.final_alias),
            "plan": dict(self.plan),
            "outages": [dict(outage) for outage in self.outages],
            "throttled": self.throttled,
            "minutes": [dict(minute) for minute in self.minutes],
            "timeline": [_moment(moment) for moment in self.timeline],
            "spans": [asdict(span) for span in self.spans],
            "levels": [asdict(level) for level in self.levels],
        }


def _moment(moment: Moment) -> dict[str, Any]:
    return {key: value for key, value in asdict(moment).items() if value is not None}
