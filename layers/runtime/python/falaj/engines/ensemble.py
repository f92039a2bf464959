"""A declared graph of models, run in process as if it were one.

What is declared: `falaj.domain.ensemble`.
"""

from collections.abc import Callable, Mapping, Sequence

from falaj.domain.ensemble import Step, steps_of
from falaj.domain.manifest import Manifest
from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import TensorSpec
from falaj.domain.wiring import edge_faults, fits, words
from falaj.engines.engine import Engine, Tensor
from falaj.engines.repository import ModelRepository
from falaj.errors import ArtefactError, UnknownModelError, UnknownVersionError


class EnsembleEngine:
    """Runs a graph of engines.

    Args:
        name: What errors call the ensemble.
        signature: What it promises.
        steps: The graph, in an order in which each step finds its inputs.
        member: Finds a member's engine and signature.

    Raises:
        ArtefactError: The graph does not hold together, or not what is promised.
    """

    def __init__(
        self,
        *,
        name: str,
        signature: ModelSignature,
        steps: Sequence[Step],
        member: Callable[[Step], tuple[Engine, ModelSignature]],
    ) -> None:
        self.name = name
        self._signature = signature
        self._steps: list[tuple[Step, Engine]] = []
        known: dict[str, TensorSpec] = {spec.name: spec for spec in signature.inputs}
        for step in steps:
            engine, its = member(step)
            for fault in edge_faults(f"step '{step.model}'", step.inputs, its, known):
                self._refuse(fault)
            made = {spec.name: spec for spec in its.outputs}
            for output, tensor in step.outputs.items():
                if output not in made or tensor in known:
                    self._refuse(f"step '{step.model}' cannot make '{tensor}' of '{output}'")
                known[tensor] = made[output]
            self._steps.append((step, engine))
        for spec in signature.outputs:
            if spec.name not in known or not fits(known[spec.name], spec):
                self._refuse(f"no step makes the promised output {words(spec)}")

    @property
    def signature(self) -> ModelSignature:
        """What the ensemble promises."""
        return self._signature

    @property
    def steps(self) -> tuple[Step, ...]:
        """The graph."""
        return tuple(step for step, _ in self._steps)

    def run(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        """Compute the named outputs, in that order.

        Raises:
            InputRefusedError: The values are ones a member cannot take.
            EngineError: A member's run failed.
        """
        tensors = dict(inputs)
        for step, engine in self._steps:
            given = {name: tensors[tensor] for name, tensor in step.inputs.items()}
            made = engine.run(given, tuple(step.outputs))
            tensors.update(zip(step.outputs.values(), made, strict=True))
        return [tensors[name] for name in outputs]

    def close(self) -> None:
        """Forget the members; they belong to others."""
        self._steps.clear()

    def _refuse(self, reason: str) -> None:
        raise ArtefactError(artefact=f"ensemble '{self.name}'", reason=reason)


def engine_of(manifest: Manifest, content: bytes, repository: ModelRepository) -> EnsembleEngine:
    """Make an ensemble's engine of its checked bytes; members load when they are not yet.

    Raises:
        ArtefactError: It does not hold together, or a member is not the one it pins.
    """

    def member(step: Step) -> tuple[Engine, ModelSignature]:
        return pinned_member(repository, step)

    return EnsembleEngine(
        name=manifest.name,
        signature=manifest.signature,
        steps=steps_of(manifest.name, content),
        member=member,
    )


def pinned_member(repository: ModelRepository, step: Step) -> tuple[Engine, ModelSignature]:
    """Find a step's engine and signature.

    Raises:
        ArtefactError: It is not there, has another digest or is an ensemble itself.
    """
    artefact = f"model '{step.model}' version {step.version}"
    try:
        manifest = repository.manifest(step.model, str(step.version))
    except (UnknownModelError, UnknownVersionError) as error:
        raise ArtefactError(
            artefact=artefact, reason="an ensemble needs it, and it is not among the models"
        ) from error
    if manifest.is_ensemble:
        raise ArtefactError(
            artefact=artefact, reason="an ensemble names it as a step, and ensembles do not nest"
        )
    if manifest.sha256 != step.sha256:
        raise ArtefactError(
            artefact=artefact,
            reason=f"its digest is {manifest.sha256}, the ensemble pins {step.sha256}",
        )
    return repository.model(step.model, str(step.version)).engine, manifest.signature
