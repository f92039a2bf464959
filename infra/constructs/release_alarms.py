"""The alarms that cut a candidate off, one set per release, each naming the version it watches."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from aws_cdk import CfnResource
from constructs import Construct

from catalogue.release import ReleasePlan
from falaj.contract import (
    ALARM_PREFIX,
    DIMENSION_MODEL,
    DIMENSION_RELEASE,
    LIVE_ALIAS,
    METRIC_BAD,
    METRIC_LOG_EVIDENCE,
    METRIC_NAMESPACE,
    METRIC_REQUESTS,
)
from falaj.domain.alarm_text import AlarmText, alarm_text
from falaj.domain.observation import AlarmEffect
from infra.constructs.evidence_expression import (
    ALL_BAD,
    ALL_REQUESTS,
    CANDIDATE_BAD,
    CANDIDATE_REQUESTS,
    SHARE,
    evidence_expression,
    evidence_threshold,
    share_expression,
)
from infra.constructs.function_role import sub

Query = dict[str, Any]
"""One entry of an alarm's `Metrics`, or an intrinsic function, as CloudFormation writes it."""

LAMBDA: Final = "AWS/Lambda"
NEAR_TIMEOUT_SHARE: Final = 0.95
FEWEST_REQUESTS: Final = 5
"""Requests of the candidate before total failure may be concluded from a minute."""
TOTAL_FAILURE_EXCESS: Final = 0.5
FALLBACK_PERIOD: Final = timedelta(minutes=5)
MINUTE: Final = timedelta(minutes=1)
EVIDENCE_PERIOD: Final = timedelta(seconds=10)


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
    def longest_rollout(self) -> timedelta:
        """How long it takes from the first share to all, with one extension of each bake."""
        return 2 * self.plan.bake * max(1, len(self.plan.steps))

    @property
    def fallback_period(self) -> timedelta:
        """Window of the fallback: five minutes, or what a shorter bake leaves, in whole minutes."""
        return min(FALLBACK_PERIOD, max(MINUTE, self.plan.bake // MINUTE * MINUTE))

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


class ReleaseAlarms(Construct):
    """Six alarms on one release; they act through EventBridge, which hears every change of state.

    Attributes:
        alarms: By kind.
    """

    def __init__(self, scope: Construct, id_: str, *, watched: Watched) -> None:
        """Make the alarms.

        Args:
            scope: The model's stack.
            id_: Its id there; it must change with the release, so that no alarm changes the version
                it watches while it is red.
            watched: The release.
        """
        super().__init__(scope, id_)
        self._watched = watched
        self.alarms = {
            "evidence": self._evidence(),
            "evidence-fallback": self._fallback(),
            "total-failure": self._total_failure(),
            "errors": self._errors(),
            "near-timeout": self._near_timeout(),
            "throttles": self._throttles(),
        }

    def _evidence(self) -> CfnResource:
        return self._alarm(
            "evidence",
            "the guard's evidence of harm has reached what the plan demands",
            threshold=0,
            watching=self._single(
                METRIC_NAMESPACE,
                METRIC_LOG_EVIDENCE,
                "Maximum",
                EVIDENCE_PERIOD,
                self._watched.by_release(),
            ),
        )

    def _fallback(self) -> CfnResource:
        watched = self._watched
        outcomes = (METRIC_NAMESPACE, METRIC_BAD, METRIC_REQUESTS)
        return self._alarm(
            "evidence-fallback",
            "bad requests fall on this version more than its share explains (needs no controller)",
            threshold=self._threshold(),
            watching=_evidence_queries(
                outcomes, watched.by_release(), watched.over_all(), watched.fallback_period
            ),
        )

    def _total_failure(self) -> CfnResource:
        watched = self._watched
        stable_bad = f"FILL({ALL_BAD}, 0) - FILL({CANDIDATE_BAD}, 0)"
        stable_requests = f"FILL({ALL_REQUESTS}, 0) - {CANDIDATE_REQUESTS}"
        excess = (
            f"IF({CANDIDATE_REQUESTS} >= {FEWEST_REQUESTS}, "
            f"{CANDIDATE_BAD} / {CANDIDATE_REQUESTS} - FILL(stable, 0), 0)"
        )
        counts = _counts(
            (METRIC_NAMESPACE, METRIC_BAD, METRIC_REQUESTS),
            watched.by_release(),
            watched.over_all(),
            MINUTE,
        )
        stable = f"({stable_bad}) / ({stable_requests})"
        return self._alarm(
            "total-failure",
            "most of its requests fail while stable's do not",
            threshold=TOTAL_FAILURE_EXCESS,
            watching=[
                _expression("excess", excess, returns=True),
                _expression("stable", stable),
                *counts,
            ],
        )

    def _errors(self) -> CfnResource:
        watched = self._watched
        return self._alarm(
            "errors",
            "Lambda counts errors (crashes, timeouts) on it more than its share explains",
            threshold=self._threshold(),
            watching=_evidence_queries(
                (LAMBDA, "Errors", "Invocations"),
                watched.by_executed_version(),
                watched.by_alias(),
                MINUTE,
            ),
        )

    def _near_timeout(self) -> CfnResource:
        watched = self._watched
        return self._alarm(
            "near-timeout",
            "its slowest request comes close to the timeout",
            threshold=NEAR_TIMEOUT_SHARE * watched.timeout_s * 1000,
            datapoints=(2, 3),
            watching=self._single(
                LAMBDA, "Duration", "Maximum", MINUTE, watched.by_executed_version()
            ),
        )

    def _throttles(self) -> CfnResource:
        return self._alarm(
            "throttles",
            "requests are refused for want of concurrency, whichever version they would have hit",
            effect=AlarmEffect.PAUSE,
            threshold=1,
            datapoints=(2, 3),
            watching=self._single(LAMBDA, "Throttles", "Sum", MINUTE, self._watched.by_alias()),
        )

    def _threshold(self) -> float:
        plan = self._watched.plan
        exact = evidence_threshold(
            false_rollback=plan.guard.false_rollback, watched_for=self._watched.longest_rollout
        )
        return math.ceil(exact * 1000) / 1000

    @staticmethod
    def _single(
        namespace: str, name: str, stat: str, period: timedelta, dimensions: Mapping[str, Any]
    ) -> list[Query]:
        return [_metric("m", namespace, name, stat, period, dimensions, returns=True)]

    def _alarm(
        self,
        kind: str,
        says: str,
        *,
        threshold: float,
        watching: list[Query],
        datapoints: tuple[int, int] = (1, 1),
        effect: AlarmEffect = AlarmEffect.ROLL_BACK,
    ) -> CfnResource:
        watched = self._watched
        # The general resource, since six typed alarms for each of a hundred models cost seconds.
        return CfnResource(
            self,
            "".join(word.capitalize() for word in kind.split("-")),
            type="AWS::CloudWatch::Alarm",
            properties={
                "AlarmName": f"{ALARM_PREFIX}{watched.model}-{kind}-{watched.digest[:8]}",
                "AlarmDescription": _description(watched, kind=kind, effect=effect, says=says),
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "Threshold": threshold,
                "DatapointsToAlarm": datapoints[0],
                "EvaluationPeriods": datapoints[1],
                "TreatMissingData": "notBreaching",
                "Metrics": watching,
            },
        )


def _description(watched: Watched, *, kind: str, effect: AlarmEffect, says: str) -> str | Query:
    """Write for people and for the controller at once (`falaj.domain.alarm_text` reads it)."""
    names_version = effect is AlarmEffect.ROLL_BACK
    text = alarm_text(
        AlarmText(
            model=watched.model,
            version="${Version}" if names_version else "",
            effect=effect,
            kind=kind,
            says=says,
        )
    )
    return sub(text, Version=watched.version) if names_version else text


def _evidence_queries(
    names: tuple[str, str, str],
    candidate: Mapping[str, Any],
    everyone: Mapping[str, Any],
    period: timedelta,
) -> list[Query]:
    return [
        _expression("evidence", evidence_expression(), returns=True),
        _expression(SHARE, share_expression()),
        *_counts(names, candidate, everyone, period),
    ]


def _counts(
    names: tuple[str, str, str],
    candidate: Mapping[str, Any],
    everyone: Mapping[str, Any],
    period: timedelta,
) -> Iterable[Query]:
    namespace, bad, requests = names
    for id_, name, dimensions in (
        (CANDIDATE_BAD, bad, candidate),
        (CANDIDATE_REQUESTS, requests, candidate),
        (ALL_BAD, bad, everyone),
        (ALL_REQUESTS, requests, everyone),
    ):
        yield _metric(id_, namespace, name, "Sum", period, dimensions)


def _metric(
    id_: str,
    namespace: str,
    name: str,
    stat: str,
    period: timedelta,
    dimensions: Mapping[str, Any],
    *,
    returns: bool = False,
) -> Query:
    return {
        "Id": id_,
        "ReturnData": returns,
        "MetricStat": {
            "Metric": {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            },
            "Period": int(period.total_seconds()),
            "Stat": stat,
        },
    }


def _expression(id_: str, expression: str, *, returns: bool = False) -> Query:
    return {"Id": id_, "Expression": expression, "ReturnData": returns}
