"""What model.yaml says of drift: the reference, and when a version has left it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from catalogue.settings import Pattern, Range, refuse_unless_valid

REFERENCE = Pattern(
    r"[A-Za-z0-9_][A-Za-z0-9._-]*\.(npz|csv)", "a file beside model.yaml that ends in .npz or .csv"
)
TENSOR = Pattern(r"\S+", "a tensor's name")


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPolicy:
    """Functions only: tells when requests or answers are no longer those of registration."""

    reference: Annotated[str, REFERENCE, "Rows of which bins are counted; none is kept."]
    tensors: Annotated[
        tuple[str, ...],
        TENSOR,
        "Inputs and outputs to watch; every numeric one of up to 256 numbers a row by default.",
    ] = ()
    window: Annotated[
        timedelta,
        Range(timedelta(minutes=5), timedelta(days=7)),
        "Time whose rows are compared with the reference's; drift is two of the last three.",
    ] = timedelta(hours=1)
    delta: Annotated[
        float, Range(0.01, 10), "Least population stability index that matters, bias taken off."
    ] = 0.1
    false_alarm: Annotated[
        float, Range(0.000001, 0.1), "Most looks that may say drift where there is none, a share."
    ] = 0.01

    def __post_init__(self) -> None:
        refuse_unless_valid(self)
