"""A model with state, seen from outside without it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from falaj.domain.signature import ModelSignature
from falaj.engines.engine import Engine, Tensor
from falaj.errors import ConfigurationError


def without_states(
    name: str, signature: ModelSignature, states: Sequence[tuple[str, str]]
) -> ModelSignature:
    """The signature that callers see: the state's inputs and outputs are not theirs.

    Raises:
        ConfigurationError: A state's input or output is not the model's, or does not fit.
    """
    inputs = {spec.name: spec for spec in signature.inputs}
    outputs = {spec.name: spec for spec in signature.outputs}
    faults = [
        f"model '{name}': the state {given!r} → {made!r} needs an input and an output of these "
        "names with one element type and rank"
        for given, made in states
        if given not in inputs
        or made not in outputs
        or inputs[given].datatype is not outputs[made].datatype
        or len(inputs[given].shape) != len(outputs[made].shape)
    ]
    if faults:
        raise ConfigurationError(faults)
    taken, given_back = {given for given, _ in states}, {made for _, made in states}
    return replace(
        signature,
        inputs=tuple(spec for spec in signature.inputs if spec.name not in taken),
        outputs=tuple(spec for spec in signature.outputs if spec.name not in given_back),
    )


class StatefulEngine:
    """Runs a model whose state others feed: `run` takes and gives it under its own names.

    Args:
        engine: The model with its state.
        signature: What callers see.
    """

    def __init__(self, engine: Engine, signature: ModelSignature) -> None:
        self._engine, self._signature = engine, signature

    @property
    def signature(self) -> ModelSignature:
        """What callers see."""
        return self._signature

    def run(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        """Compute the named outputs, in that order.

        Raises:
            InputRefusedError: The values are ones this model cannot take.
            EngineError: The run failed.
        """
        return self._engine.run(inputs, outputs)

    def close(self) -> None:
        """Give back what the model holds."""
        self._engine.close()
