"""A model as the API publishes it: one entry of `catalogue.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from falaj.domain.signature import ModelSignature

OPENVINO_PLATFORM: Final = "openvino_onnx"
"""Metadata's `platform` of an ONNX model that OpenVINO computes: `<project>_<format>`.

Source: github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedModel:
    """What a caller may know about a model without calling it.

    Attributes:
        name: Model name, a DNS label.
        version: The version that answers when none is asked for.
        versions: Every version that answers, `version` among them.
        signature: Inputs and outputs, the same for every version.
        platform: Metadata's `platform`.
        description: One line for a person.
        target: Where it runs: `lambda`, `gpu` or `container`.
        takes_feedback: Whether callers may say what came of its answers.
        is_asynchronous: Whether it may be asked now and answer later.
        golden: Cases with known right answers, as in `Manifest.golden`; published as examples.
    """

    name: str
    version: int
    versions: tuple[int, ...]
    signature: ModelSignature
    platform: str = "onnxruntime_onnx"
    description: str = ""
    target: str = "lambda"
    takes_feedback: bool = False
    is_asynchronous: bool = False
    golden: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if self.version not in self.versions:
            raise ValueError(f"model {self.name!r}: version {self.version} is not among its own")

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote; `versions`, `golden` and texts may be left out."""
        version = int(value["version"])
        return cls(
            name=value["name"],
            version=version,
            versions=tuple(int(v) for v in value.get("versions") or (version,)),
            signature=ModelSignature.from_dict(value["signature"]),
            platform=value.get("platform", "onnxruntime_onnx"),
            description=value.get("description", ""),
            target=value.get("target", "lambda"),
            takes_feedback=value.get("takes_feedback", False),
            is_asynchronous=value.get("is_asynchronous", False),
            golden=tuple(value.get("golden", ())),
        )

    def to_dict(self) -> dict[str, Any]:
        """Write the entry as JSON values."""
        return {
            "name": self.name,
            "version": self.version,
            "versions": list(self.versions),
            "platform": self.platform,
            "signature": self.signature.to_dict(),
            "description": self.description,
            "target": self.target,
            "takes_feedback": self.takes_feedback,
            **({"is_asynchronous": True} if self.is_asynchronous else {}),
            "golden": [dict(case) for case in self.golden],
        }
