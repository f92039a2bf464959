"""How fast a region's time goes: its own clock, and that of every function process."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from falaj.domain.clock import Clock, SystemClock
from falaj.errors import ConfigurationError
from local_region import scaled_time
from local_region.clock import ScaledClock
from local_region.lambda_service import Boundary

FASTEST: Final = 60.0
"""A minute of rollouts a second; beyond it the machine cannot keep up with what is due."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A region's time.

    Attributes:
        speed: Its seconds in one of the machine's, from 1 to `FASTEST`.
        clock: Tells it.

    Raises:
        ConfigurationError: The speed is out of range.
    """

    speed: float = 1.0
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        if not 1 <= self.speed <= FASTEST:
            raise ConfigurationError([f"speed {self.speed:g}: from 1 to {FASTEST:g}"])
        clock = ScaledClock(self.speed) if self.is_scaled else SystemClock()
        object.__setattr__(self, "clock", clock)

    @property
    def is_scaled(self) -> bool:
        """Whether it differs from the machine's time."""
        return self.speed != 1

    def boundary(self) -> Boundary:
        """Return what lets function processes tell the same time."""
        origin = self.clock.origin if isinstance(self.clock, ScaledClock) else self.clock.now()
        return Boundary(
            program=Path(scaled_time.__file__),
            variables={scaled_time.PACE: f"{origin.timestamp()!r} {self.speed!r}"},
            clock=self.clock,
            speed=self.speed,
        )
