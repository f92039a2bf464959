"""Promise: an alarm changes state on a laptop exactly when CloudWatch says it would."""

import pytest

from local_region.cloudwatch.alarm_state import AlarmState, MissingData, Threshold, next_state

ALARM, OK, INSUFFICIENT = AlarmState.ALARM, AlarmState.OK, AlarmState.INSUFFICIENT_DATA
RETAINED = None
TREATMENTS = (
    MissingData.MISSING,
    MissingData.IGNORE,
    MissingData.BREACHING,
    MissingData.NOT_BREACHING,
)

# docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html, both tables.
THREE_OF_THREE = [
    ("0 - X - X", (OK, OK, OK, OK)),
    ("- - - - 0", (OK, OK, OK, OK)),
    ("- - - - -", (INSUFFICIENT, RETAINED, ALARM, OK)),
    ("0 X X - X", (ALARM, ALARM, ALARM, ALARM)),
    ("- - X - -", (ALARM, RETAINED, ALARM, OK)),
]
TWO_OF_THREE = [
    ("0 - X - X", (ALARM, ALARM, ALARM, ALARM)),
    ("0 0 X 0 X", (ALARM, ALARM, ALARM, ALARM)),
    ("0 - X - -", (OK, OK, ALARM, OK)),
    ("- - - - 0", (OK, OK, ALARM, OK)),
    ("- - - X -", (ALARM, RETAINED, ALARM, OK)),
]
ROWS = [
    (needed, points, treatment, expected)
    for needed, table in ((3, THREE_OF_THREE), (2, TWO_OF_THREE))
    for points, states in table
    for treatment, expected in zip(TREATMENTS, states, strict=True)
]


def _threshold(needed, treatment, periods=3):
    return Threshold(
        comparison="GreaterThanThreshold",
        value=1.0,
        evaluation_periods=periods,
        datapoints_to_alarm=needed,
        missing=treatment,
    )


def _datapoints(picture):
    return [{"0": 0.0, "X": 2.0, "-": None}[mark] for mark in picture.split()]


@pytest.mark.parametrize("current", list(AlarmState))
@pytest.mark.parametrize(("needed", "points", "treatment", "expected"), ROWS)
def test_state_matches_the_documentation_s_tables(needed, points, treatment, expected, current):
    """Every row of AWS's two tables, from every state, gives the state AWS names."""
    actual = next_state(_threshold(needed, treatment), _datapoints(points), current)
    assert actual == (current if expected is RETAINED else expected)


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        ("GreaterThanOrEqualToThreshold", ALARM),
        ("GreaterThanThreshold", OK),
        ("LessThanThreshold", OK),
        ("LessThanOrEqualToThreshold", ALARM),
    ],
)
def test_a_datapoint_on_the_threshold_follows_the_operator(comparison, expected):
    """Equality breaches only where the operator's name says so."""
    threshold = Threshold(
        comparison=comparison, value=1.0, evaluation_periods=1, datapoints_to_alarm=1
    )
    assert next_state(threshold, [None, None, 1.0], OK) == expected


def test_a_single_good_datapoint_is_not_an_alarm():
    """One good period among missing ones is OK, whatever the alarm was before."""
    assert (
        next_state(_threshold(3, MissingData.MISSING), [None, None, None, 0.0, None], ALARM) == OK
    )


@pytest.mark.parametrize(("needed", "periods"), [(0, 3), (4, 3)])
def test_m_of_n_outside_n_is_refused(needed, periods):
    """M must lie between 1 and N, as PutMetricAlarm demands."""
    with pytest.raises(ValueError, match="DatapointsToAlarm"):
        _threshold(needed, MissingData.MISSING, periods)


def test_an_unknown_comparison_is_refused():
    """Anomaly-detection operators need a band this region does not compute."""
    with pytest.raises(ValueError, match="ComparisonOperator"):
        Threshold(
            comparison="GreaterThanUpperThreshold",
            value=1.0,
            evaluation_periods=1,
            datapoints_to_alarm=1,
        )
