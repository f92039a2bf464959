"""Mutual exclusion: experiments in disjoint parts of one namespace never share a subject."""

from dataclasses import dataclass

from falaj.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """An experiment's part [start, end) of a namespace; parts exclude each other."""

    name: str
    start: float
    end: float

    def __post_init__(self) -> None:
        if not self.name or not 0 <= self.start < self.end <= 1:
            raise ConfigurationError([f"namespace {self.name!r}: needs 0 ≤ start < end ≤ 1"])
