"""The alarms that cut a candidate off, one set per release, each naming the version it watches.

All but `evidence`, which is the guard's own word, compare by themselves, and share `ALARMS_PART` of
the plan's α. Why each needs two windows, and what it compares with: `evidence_expression`.
"""

import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from aws_cdk import CfnResource
from constructs import Construct

from falaj.contract import (
    ALARM_PREFIX,
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
    alone_expression,
    compared_expression,
    evidence_threshold,
    share_expression,
)
from infra.constructs.function_role import sub
from infra.constructs.metric_queries import Query, counts, expression, metric, slow_counts
from infra.constructs.watched_release import BOTH, MINUTE, Watched

LAMBDA: Final = "AWS/Lambda"
NEAR_TIMEOUT_SHARE: Final = 0.95
FEWEST_REQUESTS: Final = 5
"""Requests of the candidate before total failure may be concluded from a minute."""
TOTAL_FAILURE_EXCESS: Final = 0.5
EVIDENCE_PERIOD: Final = timedelta(seconds=10)


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
        watched = (METRIC_NAMESPACE, METRIC_LOG_EVIDENCE, "Maximum")
        dimensions = self._watched.by_release()
        return self._alarm(
            "evidence",
            "the guard's evidence of harm has reached what the plan demands",
            threshold=0,
            watching=[metric("m", watched, dimensions, EVIDENCE_PERIOD, returns=True)],
        )

    def _fallback(self) -> CfnResource:
        return self._alarm(
            "evidence-fallback",
            f"bad requests fall on this version more than {self._borne} (needs no controller)",
            threshold=self._threshold,
            datapoints=BOTH,
            watching=[
                *self._compared(returns=True),
                *self._outcomes(self._watched.fallback_period),
            ],
        )

    def _total_failure(self) -> CfnResource:
        stable_bad = f"FILL({ALL_BAD}, 0) - FILL({CANDIDATE_BAD}, 0)"
        stable_requests = f"FILL({ALL_REQUESTS}, 0) - {CANDIDATE_REQUESTS}"
        excess = (
            f"IF({CANDIDATE_REQUESTS} >= {FEWEST_REQUESTS} && evidence >= {self._threshold:g}, "
            f"{CANDIDATE_BAD} / {CANDIDATE_REQUESTS} - FILL(stable, 0), 0)"
        )
        evidence = self._compared()
        if not self._watched.is_alone:
            # After promotion nothing is left to compare with, and the way back is still warm.
            evidence = [
                expression("evidence", f"IF({SHARE} < 1, compared, alone)"),
                expression("compared", compared_expression()),
                expression("alone", alone_expression()),
                expression(SHARE, share_expression()),
            ]
        return self._alarm(
            "total-failure",
            "most of its requests fail while stable's do not",
            threshold=TOTAL_FAILURE_EXCESS,
            datapoints=BOTH,
            watching=[
                expression("excess", excess, returns=True),
                expression("stable", f"({stable_bad}) / ({stable_requests})"),
                *evidence,
                *self._outcomes(MINUTE),
            ],
        )

    def _errors(self) -> CfnResource:
        watched = self._watched
        names = (LAMBDA, "Errors", "Invocations")
        return self._alarm(
            "errors",
            f"Lambda counts errors (crashes, timeouts) on it more than {self._borne}",
            threshold=self._threshold,
            datapoints=BOTH,
            watching=[
                *self._compared(returns=True),
                *counts(names, watched.by_executed_version(), watched.by_alias(), MINUTE),
            ],
        )

    def _near_timeout(self) -> CfnResource:
        watched = self._watched
        limit_ms = NEAR_TIMEOUT_SHARE * watched.timeout_s * 1000
        candidate, duration = watched.by_executed_version(), (LAMBDA, "Duration")
        return self._alarm(
            "near-timeout",
            f"its slowest requests come close to the timeout, more of them than {self._borne}",
            threshold=limit_ms,
            datapoints=watched.minutes_near_timeout,
            watching=[
                expression("slowest", f"IF(evidence >= {self._threshold:g}, m, 0)", returns=True),
                metric("m", (*duration, "Maximum"), candidate, MINUTE),
                *self._compared(),
                *slow_counts(duration, limit_ms, candidate, watched.by_alias(), MINUTE),
            ],
        )

    def _throttles(self) -> CfnResource:
        watched = (LAMBDA, "Throttles", "Sum")
        return self._alarm(
            "throttles",
            "requests are refused for want of concurrency, whichever version they would have hit",
            effect=AlarmEffect.PAUSE,
            threshold=1,
            datapoints=(2, 3),
            watching=[metric("m", watched, self._watched.by_alias(), MINUTE, returns=True)],
        )

    @property
    def _borne(self) -> str:
        return "is tolerated" if self._watched.is_alone else "its share explains"

    def _compared(self, *, returns: bool = False) -> list[Query]:
        """Write the evidence: against stable, or against what is tolerated where there is none."""
        if self._watched.is_alone:
            return [expression("evidence", alone_expression(), returns=returns)]
        return [
            expression("evidence", compared_expression(), returns=returns),
            expression(SHARE, share_expression()),
        ]

    def _outcomes(self, period: timedelta) -> Iterator[Query]:
        names = (METRIC_NAMESPACE, METRIC_BAD, METRIC_REQUESTS)
        return counts(names, self._watched.by_release(), self._watched.over_all(), period)

    @property
    def _threshold(self) -> float:
        exact = evidence_threshold(
            false_rollback=self._watched.plan.guard.false_rollback,
            watched_for=self._watched.longest_rollout,
        )
        return math.ceil(exact * 1000) / 1000

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
