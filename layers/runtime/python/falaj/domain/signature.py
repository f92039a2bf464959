"""A model's signature: what it takes, what it gives, and what may be batched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from falaj.domain.tensors import Datatype, TensorSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """What registration found by running the model, not what its axes suggest.

    Attributes:
        batch_axis: The axis along which requests may be joined; None if there is none.
        pad_allowed: Whether padding other axes leaves every answer as it was.
        batch_invariant: Whether an answer is the same alone and in company.
    """

    batch_axis: int | None = None
    pad_allowed: bool = False
    batch_invariant: bool = False

    @property
    def is_safe(self) -> bool:
        """Whether requests of several callers may share a run."""
        return self.batch_axis is not None and self.batch_invariant


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSignature:
    """Inputs and outputs in graph order."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    batching: Batching = Batching()

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(
            inputs=_specs(value["inputs"]),
            outputs=_specs(value["outputs"]),
            batching=Batching(**value.get("batching", {})),
        )

    def to_dict(self) -> dict[str, Any]:
        """Write the signature as the JSON of a manifest and of V2 model metadata."""
        return {
            "inputs": [_spec_dict(spec) for spec in self.inputs],
            "outputs": [_spec_dict(spec) for spec in self.outputs],
            "batching": {
                "batch_axis": self.batching.batch_axis,
                "pad_allowed": self.batching.pad_allowed,
                "batch_invariant": self.batching.batch_invariant,
            },
        }


def _specs(values: Sequence[Mapping[str, Any]]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name=v["name"], datatype=Datatype(v["datatype"]), shape=tuple(v["shape"]))
        for v in values
    )


def _spec_dict(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype.value, "shape": list(spec.shape)}
