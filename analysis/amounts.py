"""Values of metrics as a reader would write them."""

import math
from datetime import timedelta

from falaj.experiments.metrics import Kind, Metric


def amount(metric: Metric, value: float, *, signed: bool = False) -> str:
    """Write a metric's value: rates as percentages, differences of rates as percentage points.

    Example:
        >>> conversion = Metric(name="conversion", kind=Kind.BINARY)
        >>> amount(conversion, 0.0512), amount(conversion, -0.0102, signed=True)
        ('5.12 %', '−1.02 pp')
    """
    if metric.kind is Kind.BINARY:
        text = f"{100 * value:{'+' if signed else ''}.2f} {'pp' if signed else '%'}"
    else:
        digits = 4 if value == 0 else max(0, 3 - math.floor(math.log10(abs(value))))
        text = f"{value:{'+' if signed else ''},.{min(digits, 6)}f}"
    return text.replace("-", "−")


def percent(share: float) -> str:
    """Write a relative difference.

    Example:
        >>> percent(-0.034)
        '−3.4 %'
    """
    return f"{100 * share:+.1f} %".replace("-", "−")


def span(length: timedelta) -> str:
    """Write a length of time in its largest whole unit.

    Example:
        >>> span(timedelta(hours=1)), span(timedelta(hours=36)), span(timedelta(days=14))
        ('1 hour', '36 hours', '14 days')
    """
    seconds = round(length.total_seconds())
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds % size == 0:
            count = seconds // size
            return f"{count:,} {name}{'' if count == 1 else 's'}"
    raise AssertionError("every whole number is divisible by 1")
