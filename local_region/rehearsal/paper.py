"""What a rehearsal's picture is drawn on, and virtual time along it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_STEPS_S: Final = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A width, and what has room on it.

    Attributes:
        name: Its class in the page, which shows one of them.
        width: In units of the drawing.
        left: Margin for marks.
        right: Margin.
        most_ticks: Moments named below.
        most_points: Points of one curve.
        note_chars: Letters of a note's line above its panel; 0 where notes stand beside titles.
    """

    name: str
    width: int
    left: int
    right: int
    most_ticks: int
    most_points: int
    note_chars: int = 0

    @property
    def edge(self) -> int:
        """Where drawings end."""
        return self.width - self.right

    @property
    def inner(self) -> int:
        """Width of drawings."""
        return self.edge - self.left


DESK: Final = Paper(name="desk", width=1000, left=92, right=22, most_ticks=10, most_points=120)
PHONE: Final = Paper(
    name="phone", width=360, left=42, right=12, most_ticks=5, most_points=60, note_chars=54
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Virtual time from left to right."""

    end_s: float
    paper: Paper

    def x(self, at_s: float) -> float:
        """Return a moment's place."""
        share = min(1.0, max(0.0, at_s / self.end_s)) if self.end_s else 0.0
        return round(self.paper.left + share * self.paper.inner, 2)

    def ticks(self) -> Iterator[float]:
        """Yield round moments, as many as there is room for."""
        step = next((t for t in _STEPS_S if self.end_s / t <= self.paper.most_ticks), _STEPS_S[-1])
        yield from (float(step * n) for n in range(int(self.end_s // step) + 1))
