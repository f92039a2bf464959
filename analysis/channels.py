"""Which numbers a unit accumulates, and which records can give them."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from falaj.experiments.metrics import REQUESTS, Kind, Metric


@dataclass(frozen=True, slots=True)
class Channel:
    """One number a unit accumulates: an outcome's name and how its values are read."""

    outcome: str
    is_binary: bool
    label: str | None

    def number(self, value: object) -> float | None:
        """Read an outcome's value; None when it is not of the kind that is counted."""
        if self.label is not None:
            return float(value == self.label) if isinstance(value, str) else None
        if isinstance(value, str) or not isinstance(value, int | float):
            return None
        if not math.isfinite(value):
            return None
        return float(value != 0) if self.is_binary else float(value)


def value_channel(metric: Metric) -> Channel:
    """Say which number a metric's value is."""
    return Channel(metric.source, metric.kind is Kind.BINARY, metric.positive_label)


def channels_of(metrics: Iterable[Metric]) -> tuple[Channel, ...]:
    """List the distinct numbers that metrics need."""
    wanted: dict[Channel, None] = {}
    for metric in metrics:
        wanted[value_channel(metric)] = None
        if metric.denominator not in {None, REQUESTS}:
            wanted[Channel(str(metric.denominator), is_binary=False, label=None)] = None
    return tuple(wanted)


def is_exposure(record: Mapping[str, Any]) -> bool:
    """Whether a record has what an exposure needs."""
    texts = (record.get(key) for key in ("experiment", "unit", "arm", "inference_id"))
    return all(isinstance(text, str) and text for text in texts) and _is_time(record.get("at"))


def is_outcome(record: Mapping[str, Any]) -> bool:
    """Whether a record has what an outcome needs, its value aside."""
    texts = (record.get(key) for key in ("inference_id", "metric"))
    return all(isinstance(text, str) and text for text in texts) and _is_time(record.get("at"))


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def number_or_none(value: object) -> float | None:
    """Read a finite number, or nothing."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
