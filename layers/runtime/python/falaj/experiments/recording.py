"""Log lines of model functions become exposures."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from falaj.contract import DIMENSION_MODEL
from falaj.experiments.live import LiveSplit
from falaj.experiments.records import Exposure

_MILLI = 1000

SplitsAt = Callable[[str, float], Sequence[LiveSplit]]
"""Gives the splits of a model that may hold a moment, in seconds since the epoch."""


class Recorded(NamedTuple):
    """What one line says.

    Attributes:
        model: The model it is about; empty when the line is none of ours.
        exposure: Who was shown which arm.
        unassigned: Why a request of a running experiment took no part in it.
    """

    model: str = ""
    exposure: Exposure | None = None
    unassigned: str = ""


def recorded(line: object, splits_at: SplitsAt) -> Recorded:
    """Read one line, as `falaj.telemetry.emf` writes it.

    A sticky exposure says so itself. A split is Lambda's doing, and the release that ran tells the
    arm: every inference from its beginning to its end counts, answered well or not, and however
    late its line comes.

    Args:
        line: A log event's message, parsed.
        splits_at: Asked about lines that may be of a request-level experiment, and no others.

    Raises:
        ValueError: The line claims to be an exposure and is not one.
    """
    if not isinstance(line, Mapping) or not (model := line.get(DIMENSION_MODEL)):
        return Recorded()
    unassigned = str(line.get("unassigned") or "")
    try:
        exposure = _sticky(line) or _of_split(line, str(model), splits_at)
        return Recorded(str(model), exposure, unassigned)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an exposure: {error!r}") from error


def _sticky(line: Mapping[str, Any]) -> Exposure | None:
    if not line.get("unit"):
        return None
    return Exposure(
        experiment=line["experiment_id"],
        unit=line["unit"],
        arm=line["variant"],
        inference_id=line["inference_id"],
        at=line["_aws"]["Timestamp"] / _MILLI,
        covariate=line.get("covariate"),
        release=line["release"],
    )


def _of_split(line: Mapping[str, Any], model: str, splits_at: SplitsAt) -> Exposure | None:
    if line.get("message") != "infer":
        return None
    release, at = line["release"], line["_aws"]["Timestamp"] / _MILLI
    for split in splits_at(model, at):
        if arm := split.arm_of(release, at):
            inference = line["request_id"]
            return Exposure(
                experiment=split.key,
                unit=inference,
                arm=arm,
                inference_id=inference,
                at=at,
                release=release,
            )
    return None
