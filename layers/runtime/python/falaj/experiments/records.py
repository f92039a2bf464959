"""What is written down: who was shown which arm, and what came of it."""

import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One answer given under an experiment; one JSON line of the exposure log.

    Attributes:
        experiment: Key of the experiment.
        unit: Pseudonym of the subject, or the inference id when requests are the units.
        arm: The arm that answered.
        inference_id: What feedback refers to.
        at: Seconds since the epoch, UTC.
        covariate: A value of the unit known *before* the exposure, for CUPED.
        release: Lambda version that answered.
    """

    experiment: str
    unit: str
    arm: str
    inference_id: str
    at: float
    covariate: float | None = None
    release: str | None = None

    def __post_init__(self) -> None:
        if not (self.experiment and self.unit and self.arm and self.inference_id):
            raise ValueError("an exposure needs experiment, unit, arm and inference_id")
        _finite("at", self.at)
        if self.covariate is not None:
            _finite("covariate", self.covariate)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote; keys this version does not know are left alone."""
        return cls(
            experiment=value["experiment"],
            unit=value["unit"],
            arm=value["arm"],
            inference_id=value["inference_id"],
            at=value["at"],
            covariate=value.get("covariate"),
            release=value.get("release"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Write the exposure as JSON values, without what is not known."""
        known = {
            "experiment": self.experiment,
            "unit": self.unit,
            "arm": self.arm,
            "inference_id": self.inference_id,
            "at": self.at,
            "covariate": self.covariate,
            "release": self.release,
        }
        return {key: value for key, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One piece of feedback; one JSON line of the outcome log.

    Attributes:
        inference_id: The answer it is about.
        metric: What was observed, as a metric of the experiment names it.
        value: A number, a truth value, or a label.
        at: When it happened, seconds since the epoch, UTC.
        id: Idempotency key; a second outcome with the same inference, metric and id is a duplicate.
    """

    inference_id: str
    metric: str
    value: float | bool | str
    at: float
    id: str = ""

    def __post_init__(self) -> None:
        if not (self.inference_id and self.metric):
            raise ValueError("an outcome needs inference_id and metric")
        _finite("at", self.at)
        if not isinstance(self.value, str):
            _finite("value", self.value)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote; keys this version does not know are left alone."""
        return cls(
            inference_id=value["inference_id"],
            metric=value["metric"],
            value=value["value"],
            at=value["at"],
            id=value.get("id", ""),
        )

    def to_dict(self) -> dict[str, Any]:
        """Write the outcome as JSON values."""
        return {
            "inference_id": self.inference_id,
            "metric": self.metric,
            "value": self.value,
            "at": self.at,
            "id": self.id,
        }


class Reading(Protocol):
    """What a look reads, files by name, and what was kept of known ones."""

    def exposures(self, known: Container[str]) -> Iterable[tuple[str, Iterable[Exposure]]]:
        """Give exposures by file, those of known files left out."""
        ...

    def outcomes(self, known: Container[str]) -> Iterable[tuple[str, Iterable[Outcome]]]:
        """Give outcomes by file, those of known files left out."""
        ...

    def load(self, to: Path) -> bool:
        """Write what was kept to a file; whether there was anything."""
        ...

    def save(self, source: Path) -> None:
        """Keep a file."""
        ...


def _finite(name: str, value: object) -> None:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} is a finite number, not {value!r}")
