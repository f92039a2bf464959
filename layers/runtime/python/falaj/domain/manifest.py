"""The manifest of one model version: what its bytes are and what they promise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from falaj.contract import DRIFT_FACT, ENSEMBLE_FILE, ENSEMBLE_PLATFORM, MODEL_FILE
from falaj.domain.signature import ModelSignature

FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One immutable model version, as `<name>/<version>/manifest.json` states it.

    Attributes:
        name: Model name, a DNS label.
        version: Model version, a positive integer (Triton's repository layout).
        sha256: Hex digest of the version's bytes.
        size_bytes: Their length.
        signature: Inputs, outputs and batching facts.
        golden: Cases with known right answers: `{"name", "request", "expect", "atol", "rtol"}`;
            request and expectation are the Open Inference Protocol's JSON.
        platform: Metadata's `platform`.
        facts: Measured at registration (latency, memory, operators, source).
    """

    name: str
    version: int
    sha256: str
    size_bytes: int
    signature: ModelSignature
    golden: tuple[Mapping[str, Any], ...] = ()
    platform: str = "onnxruntime_onnx"
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_ensemble(self) -> bool:
        """Whether its bytes declare a graph of other versions."""
        return self.platform == ENSEMBLE_PLATFORM

    @property
    def file(self) -> str:
        """Name of the file that holds its bytes."""
        return ENSEMBLE_FILE if self.is_ensemble else MODEL_FILE

    @property
    def drift(self) -> str:
        """The sha256 of its reference of drift; empty where it has none."""
        return str(self.facts.get(DRIFT_FACT, ""))

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: The manifest is of a format this runtime does not know.
        """
        if value.get("format") != FORMAT:
            raise ValueError(
                f"manifest format {value.get('format')!r}: this runtime reads {FORMAT}"
            )
        return cls(
            name=value["name"],
            version=value["version"],
            sha256=value["sha256"],
            size_bytes=value["size_bytes"],
            signature=ModelSignature.from_dict(value["signature"]),
            golden=tuple(value.get("golden", ())),
            platform=value["platform"],
            facts=value.get("facts", {}),
        )

    def to_dict(self) -> dict[str, Any]:
        """Write the manifest as JSON values."""
        return {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
            "platform": self.platform,
            "signature": self.signature.to_dict(),
            "golden": list(self.golden),
            "facts": dict(self.facts),
        }
