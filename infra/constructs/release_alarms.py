"""The alarms that cut a candidate off, one set per release, each naming the version it watches.

All but `evidence`, which is the guard's own word, compare by themselves, and share `ALARMS_PART` of
the plan's α. Why each needs two windows, and what it compares with: `evidence_expression`.
"""

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
    Windows,
    alone_expression,
    compared_expression,
    share_expression,
)
from infra.constructs.function_role import sub
from infra.constructs.metric_queries import Query, counts, expression, metric, slow_counts
from infra.constructs.watched_release import (
    MINUTE,
    TOTAL_FAILURE,
    TWO_MINUTES,
    TWO_OF_THREE_MINUTES,
    Watched,
)

LAMBDA: Final = "AWS/Lambda"
NEAR_TIMEOUT_SHARE: Final = 0.95
FEWEST_REQUESTS: Final = 2
"""Requests of the candidate in each of the three parts of a minute: more than five in all."""
TOTAL_FAILURE_EXCESS: Final = 0.5
ONCE: Final = Windows(period=timedelta(seconds=10), needed=1, of=1)


class ReleaseAlarms(Construct):
    """Six alarms on one release; they act through EventBridge, which hears every change of state.

    Attributes:
        alarms: By kind.
        names: Their names.
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
        self.names: list[str] = []
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
            watching=[metric("m", watched, dimensions, ONCE.period, returns=True)],
        )

    def _fallback(self) -> CfnResource:
        windows = self._watched.slowly
        return self._alarm(
            "evidence-fallback",
            f"bad requests fall on this version more than {self._borne} (needs no controller)",
            threshold=self._watched.threshold(windows),
            windows=windows,
            watching=[*self._compared(returns=True), *self._outcomes(windows.period)],
        )

    def _total_failure(self) -> CfnResource:
        needed = self._watched.threshold(TOTAL_FAILURE)
        stable_bad = f"FILL({ALL_BAD}, 0) - FILL({CANDIDATE_BAD}, 0)"
        stable_requests = f"FILL({ALL_REQUESTS}, 0) - {CANDIDATE_REQUESTS}"
        excess = (
            f"IF({CANDIDATE_REQUESTS} >= {FEWEST_REQUESTS} && evidence >= {needed:g}, "
            f"{CANDIDATE_BAD} / {CANDIDATE_REQUESTS} - FILL(stable, 0), 0)"
        )
        evidence = self._compared(is_fatal=True)
        if not self._watched.is_alone:
            # After promotion nothing is left to compare with, and the way back is still warm.
            evidence = [
                expression("evidence", f"IF({SHARE} < 1, compared, alone)"),
                expression("compared", compared_expression(is_fatal=True)),
                expression("alone", alone_expression(is_fatal=True)),
                expression(SHARE, share_expression()),
            ]
        return self._alarm(
            "total-failure",
            "most of its requests fail while stable's do not",
            threshold=TOTAL_FAILURE_EXCESS,
            windows=TOTAL_FAILURE,
            watching=[
                expression("excess", excess, returns=True),
                expression("stable", f"({stable_bad}) / ({stable_requests})"),
                *evidence,
                *self._outcomes(TOTAL_FAILURE.period),
            ],
        )

    def _errors(self) -> CfnResource:
        watched = self._watched
        names = (LAMBDA, "Errors", "Invocations")
        return self._alarm(
            "errors",
            f"Lambda counts errors (crashes, timeouts) on it more than {self._borne}",
            threshold=watched.threshold(TWO_MINUTES),
            windows=TWO_MINUTES,
            watching=[
                *self._compared(returns=True),
                *counts(names, watched.by_executed_version(), watched.by_alias(), MINUTE),
            ],
        )

    def _near_timeout(self) -> CfnResource:
        watched = self._watched
        needed = watched.threshold(watched.near_timeout)
        limit_ms = NEAR_TIMEOUT_SHARE * watched.timeout_s * 1000
        candidate, duration = watched.by_executed_version(), (LAMBDA, "Duration")
        return self._alarm(
            "near-timeout",
            f"its slowest requests come close to the timeout, more of them than {self._borne}",
            threshold=limit_ms,
            windows=watched.near_timeout,
            watching=[
                expression("slowest", f"IF(evidence >= {needed:g}, m, 0)", returns=True),
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
            windows=TWO_OF_THREE_MINUTES,
            watching=[metric("m", watched, self._watched.by_alias(), MINUTE, returns=True)],
        )

    @property
    def _borne(self) -> str:
        return "is tolerated" if self._watched.is_alone else "its share explains"

    def _compared(self, *, returns: bool = False, is_fatal: bool = False) -> list[Query]:
        """Write the evidence: against stable, or against what is tolerated where there is none."""
        if self._watched.is_alone:
            return [expression("evidence", alone_expression(is_fatal=is_fatal), returns=returns)]
        return [
            expression("evidence", compared_expression(is_fatal=is_fatal), returns=returns),
            expression(SHARE, share_expression()),
        ]

    def _outcomes(self, period: timedelta) -> Iterator[Query]:
        names = (METRIC_NAMESPACE, METRIC_BAD, METRIC_REQUESTS)
        return counts(names, self._watched.by_release(), self._watched.over_all(), period)

    def _alarm(
        self,
        kind: str,
        says: str,
        *,
        threshold: float,
        watching: list[Query],
        windows: Windows = ONCE,
        effect: AlarmEffect = AlarmEffect.ROLL_BACK,
    ) -> CfnResource:
        watched = self._watched
        self.names.append(f"{ALARM_PREFIX}{watched.model}-{kind}-{watched.digest[:8]}")
        # The general resource, since six typed alarms for each of a hundred models cost seconds.
        return CfnResource(
            self,
            "".join(word.capitalize() for word in kind.split("-")),
            type="AWS::CloudWatch::Alarm",
            properties={
                "AlarmName": self.names[-1],
                "AlarmDescription": _description(watched, kind=kind, effect=effect, says=says),
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "Threshold": threshold,
                "DatapointsToAlarm": windows.needed,
                "EvaluationPeriods": windows.of,
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
