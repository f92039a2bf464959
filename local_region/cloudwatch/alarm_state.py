"""From datapoints to an alarm's state: one pure function, missing data included."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class AlarmState(StrEnum):
    """The three states of a metric alarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class MissingData(StrEnum):
    """What a period without data counts as."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}

RETRIEVED_BEYOND_EVALUATION: Final = 2
"""How many more periods than EvaluationPeriods are retrieved, so that late data can stand in.

CloudWatch says the number depends on period and resolution; its worked tables use 5 for 3.
Source: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """When an alarm is breached: M of the last N datapoints compare true.

    Attributes:
        comparison: A `ComparisonOperator` of PutMetricAlarm, for a fixed threshold.
        value: The threshold.
        evaluation_periods: N, at least 1.
        datapoints_to_alarm: M, between 1 and N.
        missing: What a period without data counts as.
    """

    comparison: str
    value: float
    evaluation_periods: int
    datapoints_to_alarm: int
    missing: MissingData = MissingData.MISSING

    def __post_init__(self) -> None:
        if self.comparison not in COMPARISONS:
            raise ValueError(
                f"ComparisonOperator {self.comparison!r}: use one of {', '.join(COMPARISONS)}"
            )
        if not 1 <= self.datapoints_to_alarm <= self.evaluation_periods:
            raise ValueError(
                f"DatapointsToAlarm {self.datapoints_to_alarm} must lie between 1 and "
                f"EvaluationPeriods {self.evaluation_periods}"
            )

    @property
    def retrieved_periods(self) -> int:
        """The evaluation range: how many periods are looked at."""
        return self.evaluation_periods + RETRIEVED_BEYOND_EVALUATION

    def is_breached_by(self, datapoint: float) -> bool:
        """Whether one datapoint crosses the threshold."""
        return COMPARISONS[self.comparison](datapoint, self.value)


def next_state(
    threshold: Threshold, datapoints: Sequence[float | None], current: AlarmState
) -> AlarmState:
    """Decide an alarm's state from its evaluation range.

    Args:
        threshold: The alarm's settings.
        datapoints: Oldest first, `None` where a period has no data; `retrieved_periods` of them.
        current: The state the alarm is in, which `ignore` retains.

    Source:
        docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html:
        where enough datapoints of the evaluation range exist, "CloudWatch evaluates the alarm state
        based on the most recent real data points"; otherwise it fills gaps with the treatment, as
        few times as possible; and "Avoiding premature transitions to alarm state".
    """
    real = [point for point in datapoints if point is not None]
    evaluated = real[-threshold.evaluation_periods :]
    breaching = sum(threshold.is_breached_by(point) for point in evaluated)
    filled = threshold.evaluation_periods - len(evaluated)
    if not real and threshold.missing is MissingData.MISSING:
        return AlarmState.INSUFFICIENT_DATA
    if not real and threshold.missing is MissingData.IGNORE:
        return current
    if filled and threshold.missing is MissingData.BREACHING:
        breaching += filled
    if breaching >= threshold.datapoints_to_alarm:
        return AlarmState.ALARM
    if filled and _is_premature(threshold, datapoints):
        return current if threshold.missing is MissingData.IGNORE else AlarmState.ALARM
    return AlarmState.OK


def _is_premature(threshold: Threshold, datapoints: Sequence[float | None]) -> bool:
    """Whether every real datapoint breaches and the oldest is at least M periods old.

    Then the alarm does not wait for datapoints that may never come: it goes to ALARM although fewer
    than M real ones breach. Treatments that fill the gap (breaching, notBreaching) decide before.
    """
    if threshold.missing not in {MissingData.MISSING, MissingData.IGNORE}:
        return False
    ages = [
        (len(datapoints) - index, threshold.is_breached_by(point))
        for index, point in enumerate(datapoints)
        if point is not None
    ]
    return all(breaches for _, breaches in ages) and ages[0][0] >= threshold.datapoints_to_alarm
