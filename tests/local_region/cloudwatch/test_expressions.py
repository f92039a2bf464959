"""Promise: metric math on a laptop gives CloudWatch's numbers, and says so when it cannot."""

import pytest

from local_region.cloudwatch.expressions import ExpressionError, evaluate

PERIODS = [0, 60, 120]
METRICS = {
    "bad": {0: 1.0, 60: 2.0, 120: 4.0},
    "all": {0: 4.0, 60: 0.0, 120: 8.0},
    "gap": {0: 5.0, 120: 7.0},
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("bad + 1", {0: 2.0, 60: 3.0, 120: 5.0}),
        ("2 + 3 * 4", {0: 14.0, 60: 14.0, 120: 14.0}),
        ("(2 + 3) * 4", {0: 20.0, 60: 20.0, 120: 20.0}),
        ("2 ^ 3 - 1", {0: 7.0, 60: 7.0, 120: 7.0}),
        ("-2 ^ 2", {0: -4.0, 60: -4.0, 120: -4.0}),
        ("10 - 4 - 3", {0: 3.0, 60: 3.0, 120: 3.0}),
        ("bad / all", {0: 0.25, 120: 0.5}),
        ("bad + gap", {0: 6.0, 120: 11.0}),
        ("FILL(gap, 0)", {0: 5.0, 60: 0.0, 120: 7.0}),
        ("FILL(gap, REPEAT)", {0: 5.0, 60: 5.0, 120: 7.0}),
        ("FILL(gap, bad)", {0: 5.0, 60: 2.0, 120: 7.0}),
        ("IF(all > 0, bad / all, 0)", {0: 0.25, 60: 0.0, 120: 0.5}),
        ("IF(all > 0, bad)", {0: 1.0, 120: 4.0}),
        ("IF(bad >= 2 AND all > 0, 1, 0)", {0: 0.0, 60: 0.0, 120: 1.0}),
        ("IF(bad == 1 || bad == 4, 1, 0)", {0: 1.0, 60: 0.0, 120: 1.0}),
        ("MAX([bad, all])", {0: 4.0, 60: 2.0, 120: 8.0}),
        ("MAX([bad, gap])", {0: 5.0, 60: 2.0, 120: 7.0}),
        ("SUM([bad, all, 1])", {0: 6.0, 60: 3.0, 120: 13.0}),
        ("SUM(METRICS())", {0: 10.0, 60: 2.0, 120: 19.0}),
        ("bad / SUM(bad)", {0: 1 / 7, 60: 2 / 7, 120: 4 / 7}),
        ("LOG10(bad * 100)", {0: 2.0, 60: 2.3010299956639813, 120: 2.6020599913279625}),
        ("LOG10(all)", {0: 0.6020599913279624, 120: 0.9030899869919435}),
        ("ABS(bad - 3)", {0: 2.0, 60: 1.0, 120: 1.0}),
        ("1e3", {0: 1000.0, 60: 1000.0, 120: 1000.0}),
    ],
)
def test_expression_gives_the_documented_value(expression, expected):
    """Arithmetic, precedence, missing periods and each function, one line each."""
    assert evaluate(expression, METRICS, PERIODS) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("SEARCH(bad, 60)", "SEARCH is not computed here"),
        ("other + 1", "no metric has the id 'other'"),
        ("bad +", "ends too early"),
        ("(bad", "ends too early"),
        ("bad all", "unexpected 'all'"),
        ("bad ? 1", "cannot read"),
        ("[bad, all]", "single series"),
        ("FILL(bad)", "does not take 1 arguments"),
        ("SUM(1)", "takes a series or an array"),
    ],
)
def test_what_cannot_be_computed_is_refused_by_name(expression, reason):
    """An alarm never watches a silently wrong number."""
    with pytest.raises(ExpressionError, match="metric math") as refusal:
        evaluate(expression, METRICS, PERIODS)
    assert reason in str(refusal.value)
