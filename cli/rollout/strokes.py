"""Numbers drawn with characters: a share as a bar, a series as a sparkline."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from rich.text import Text

LEVELS: Final = "▁▂▃▄▅▆▇█"
CANDIDATE: Final = "bold cyan"
STABLE: Final = "green"
HARM: Final = "bold red"
QUIET: Final = "dim"


def share_bar(share: float, *, width: int) -> Text:
    """Draw the candidate's share of the traffic; whoever serves anything gets a cell.

    Example:
        >>> share_bar(0.05, width=8).plain
        '█░░░░░░░'
    """
    cells = round(share * width)
    if 0 < share < 1:
        cells = min(max(cells, 1), width - 1)
    return Text.assemble(("█" * cells, CANDIDATE), ("░" * (width - cells), STABLE))


def sparkline(values: Sequence[float], *, low: float, high: float, width: int) -> Text:
    """Draw a series between two bounds, newest right; values at `high` or above are in red.

    Each cell shows the highest value of its stretch, so that a short peak is not averaged away.

    Example:
        >>> sparkline([0, 1, 2, 4], low=0, high=4, width=4).plain
        '▁▃▅█'
    """
    line = Text()
    for value in _condensed(values, width):
        level = (value - low) / (high - low) * len(LEVELS)
        cell = LEVELS[min(max(int(level), 0), len(LEVELS) - 1)]
        line.append(cell, style=HARM if value >= high else CANDIDATE)
    return line


def percent(share: float) -> str:
    """Write a share as a percentage of about three digits.

    Example:
        >>> percent(0.25), percent(0.0123), percent(0.00004)
        ('25 %', '1.23 %', '0.004 %')
    """
    return f"{share * 100:.3g} %"


def _condensed(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return list(values)
    edges = [index * len(values) // width for index in range(width + 1)]
    return [max(values[left:right]) for left, right in pairwise(edges)]
