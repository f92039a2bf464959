"""CloudWatch's statistics over the values of one period."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Final

_PLAIN: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "SampleCount": lambda values: float(len(values)),
    "Sum": math.fsum,
    "Average": lambda values: math.fsum(values) / len(values),
    "Minimum": min,
    "Maximum": max,
}
_PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")
_RANK: Final = re.compile(r"PR\((-?[\d.]+)?:(-?[\d.]+)?\)")


class UnknownStatisticError(ValueError):
    """A statistic that this region does not compute."""

    def __init__(self, stat: str) -> None:
        super().__init__(
            f"statistic {stat!r} is not known here: use SampleCount, Sum, Average, Minimum, "
            "Maximum, pNN or PR(low:high)"
        )
        self.stat = stat


def statistic(stat: str, values: Sequence[float]) -> float:
    """Compute a statistic of at least one value.

    `PR(low:high)` is the percentage of values above `low` (exclusive) and at most `high`
    (inclusive); `pNN` interpolates linearly between the nearest ranks (CloudWatch does not publish
    its method).

    Raises:
        UnknownStatisticError: The name is not one of these.

    Example:
        >>> statistic("PR(:300)", [100.0, 300.0, 301.0, 900.0])
        50.0

    Source:
        docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
    """
    if stat in _PLAIN:
        return _PLAIN[stat](values)
    if found := _PERCENTILE.fullmatch(stat):
        return _percentile(values, float(found[1]) / 100)
    if found := _RANK.fullmatch(stat):
        low = -math.inf if found[1] is None else float(found[1])
        high = math.inf if found[2] is None else float(found[2])
        return 100.0 * sum(low < value <= high for value in values) / len(values)
    raise UnknownStatisticError(stat)


def _percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])
