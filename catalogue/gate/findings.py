"""What the gate found out about a model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from falaj.domain.signature import ModelSignature

GATE_VERSION: Final = 2
"""Raised when the gate learns to refuse or measure something else; models are then built anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """Figures of one examination; they differ from machine to machine, so no manifest holds them.

    Attributes:
        load_ms: Time to make a session from bytes.
        first_run_ms: Time of the first run.
        p50_ms: Median of the runs after it.
        p99_ms: 99th percentile of the runs after it.
        runs: Number of runs after the first.
        memory_mib: Resident memory that the session and its runs added.
        company_difference: Largest difference between an answer alone and in company, relative to
            the output's largest magnitude; None where nothing could be joined.
        padding_difference: The same between an answer and its padded self; None likewise.
    """

    load_ms: float
    first_run_ms: float
    p50_ms: float
    p99_ms: float
    runs: int
    memory_mib: float
    company_difference: float | None = None
    padding_difference: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Write the measurements as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The gate's report on a model that it lets in.

    Attributes:
        sha256: Hex digest of the bytes to serve.
        size_bytes: Their length.
        signature: Inputs, outputs and what may be batched.
        opsets: Operator set version by domain.
        operators: How often each operator is used, as `domain:Operator` or `Operator`.
        providers: Execution providers the session reports.
        state_pairs: Inputs that look as if fed from an output of the request before.
        golden_cases: Known answers that were checked.
        takes_empty: Whether a process that runs it survives tensors without elements.
        notes: Sentences for the person who registers the model.
        measurements: What it took on this machine.
    """

    sha256: str
    size_bytes: int
    signature: ModelSignature
    opsets: Mapping[str, int]
    operators: Mapping[str, int]
    providers: tuple[str, ...]
    state_pairs: tuple[tuple[str, str], ...]
    golden_cases: int
    takes_empty: bool
    notes: tuple[str, ...]
    measurements: Measurements

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(
            sha256=value["sha256"],
            size_bytes=value["size_bytes"],
            signature=ModelSignature.from_dict(value["signature"]),
            opsets=value["opsets"],
            operators=value["operators"],
            providers=tuple(value["providers"]),
            state_pairs=tuple((pair[0], pair[1]) for pair in value["state_pairs"]),
            golden_cases=value["golden_cases"],
            takes_empty=value["takes_empty"],
            notes=tuple(value["notes"]),
            measurements=Measurements(**value["measurements"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """Write the findings as JSON values."""
        return {
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
            "signature": self.signature.to_dict(),
            "opsets": dict(self.opsets),
            "operators": dict(self.operators),
            "providers": list(self.providers),
            "state_pairs": [list(pair) for pair in self.state_pairs],
            "golden_cases": self.golden_cases,
            "takes_empty": self.takes_empty,
            "notes": list(self.notes),
            "measurements": self.measurements.to_dict(),
        }

    def facts(self) -> dict[str, Any]:
        """Return what a manifest records: everything that depends on the bytes alone."""
        return {
            "gate": GATE_VERSION,
            "opsets": dict(self.opsets),
            "operators": dict(self.operators),
            "state_pairs": [list(pair) for pair in self.state_pairs],
            "golden_cases": self.golden_cases,
            "takes_empty": self.takes_empty,
        }
