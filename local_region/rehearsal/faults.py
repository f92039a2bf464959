"""What may go wrong in a rehearsal, and how it is asked for."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from falaj.errors import ConfigurationError


class FaultKind(StrEnum):
    """What goes wrong with a request."""

    ERRORS = "errors"
    LATENCY = "latency"
    NAN = "nan"
    CRASH = "crash"
    TIMEOUT = "timeout"
    COLD_STORM = "cold-storm"
    LABEL_FLIP = "label-flip"


_RATES: Final = frozenset(FaultKind) - {FaultKind.LATENCY, FaultKind.COLD_STORM}
_FORMS: Final = {
    **{kind: f"{kind.value}=RATE, a share of requests in (0, 1]" for kind in _RATES},
    FaultKind.LATENCY: "latency=FACTOR, above 0",
    FaultKind.COLD_STORM: "cold-storm, without a value",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: What.
        value: A share of requests, or the factor on latency; 1 for a cold storm.
        is_shared: Whether both versions suffer, or the candidate alone.
    """

    kind: FaultKind
    value: float = 1.0
    is_shared: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.value < float("inf") or (self.kind in _RATES and self.value > 1):
            raise ConfigurationError([f"fault {self}: write {_FORMS[self.kind]}"])

    def __str__(self) -> str:
        if self.kind is FaultKind.COLD_STORM:
            return self.kind.value
        return f"{self.kind.value}={self.value:g}"

    @classmethod
    def parse(cls, text: str, *, is_shared: bool = False) -> Self:
        """Read `errors=0.5`.

        Raises:
            ConfigurationError: There is no such fault, or its value is out of range.

        Example:
            >>> Fault.parse("latency=3").value
            3.0
        """
        name, equals, value = text.partition("=")
        try:
            kind = FaultKind(name)
        except ValueError:
            forms = "; ".join(_FORMS[kind] for kind in FaultKind)
            raise ConfigurationError([f"fault {text!r} is not known: {forms}"]) from None
        if (kind is FaultKind.COLD_STORM) == bool(equals):
            raise ConfigurationError([f"fault {text!r}: write {_FORMS[kind]}"])
        try:
            number = float(value) if equals else 1.0
        except ValueError:
            raise ConfigurationError([f"fault {text!r}: write {_FORMS[kind]}"]) from None
        return cls(kind=kind, value=number, is_shared=is_shared)


def checked(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Return the faults, none of which says the same thing twice.

    Raises:
        ConfigurationError: One kind is asked for twice with the same reach.
    """
    kept: dict[tuple[FaultKind, bool], Fault] = {}
    for fault in faults:
        known = kept.setdefault((fault.kind, fault.is_shared), fault)
        if known is not fault:
            raise ConfigurationError([f"faults {known} and {fault}: give each kind once"])
    return tuple(kept.values())
