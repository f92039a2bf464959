"""An ensemble's examination: the members' graphs are read, and the whole is run as it is served."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from onnx import ModelProto

from catalogue.gate import golden, structure
from catalogue.gate.examination import Admitted, Say, observe
from catalogue.gate.findings import Findings
from catalogue.gate.refusal import Refusal
from catalogue.gate.running import PROVIDER, Answer, Runner, resident_memory_mib
from catalogue.gate.sampling import Feed, InputAxes
from catalogue.gate.signatures import axis_names, input_infos
from falaj.domain.ensemble import Step, steps_of
from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import DYNAMIC, TensorSpec
from falaj.engines.engine import Engine, Tensor
from falaj.engines.ensemble import EnsembleEngine
from falaj.errors import ArtefactError


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A version that is a step of the ensemble.

    Attributes:
        model: Its name.
        version: Its version.
        path: Its bytes, which passed the gate by themselves.
        signature: What it takes and gives.
    """

    model: str
    version: int
    path: Path
    signature: ModelSignature

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read the order's words."""
        return cls(
            model=value["model"],
            version=value["version"],
            path=Path(value["path"]),
            signature=ModelSignature.from_dict(value["signature"]),
        )


def admit_graph(
    content: bytes,
    signature: ModelSignature,
    members: Sequence[Member],
    cases: Sequence[golden.Case],
    say: Say,
) -> Admitted:
    """Take an ensemble through the stages that running shows.

    Args:
        content: Its `ensemble.json`.
        signature: What it promises.
        members: Its steps' models, each once.
        cases: Golden cases; each must come out right.
        say: Told the name of each stage before it begins.

    Raises:
        Refusal: The first stage that said no.
    """
    say("loading its members from bytes")
    memory_before = resident_memory_mib()
    graph = _Graph(content, signature, members)
    inputs = tuple(graph.axes(spec) for spec in signature.inputs)
    seen = observe(graph, inputs, cases, say)
    found = ModelSignature(
        inputs=signature.inputs, outputs=signature.outputs, batching=seen.company.batching
    )
    return Admitted(
        data=content,
        findings=Findings(
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
            signature=found,
            opsets=dict(sorted(graph.opsets.items())),
            operators=dict(sorted(graph.operators.items())),
            providers=(PROVIDER,),
            state_pairs=(),
            golden_cases=len(cases),
            takes_empty=seen.takes_empty,
            notes=seen.notes,
            measurements=seen.measurements(graph.load_ms, resident_memory_mib() - memory_before),
        ),
    )


class _Graph:
    """An ensemble that runs, and what its members' files say of it."""

    def __init__(
        self, content: bytes, signature: ModelSignature, members: Sequence[Member]
    ) -> None:
        self.load_ms = 0.0
        self.opsets: dict[str, int] = {}
        self.operators: Counter[str] = Counter()
        self._models: dict[tuple[str, int], ModelProto] = {}
        self._engines = {(each.model, each.version): self._loaded(each) for each in members}
        self._outputs = tuple(spec.name for spec in signature.outputs)
        try:
            self._steps = steps_of("", content)
            self._engine = EnsembleEngine(
                name="", signature=signature, steps=self._steps, member=self._member
            )
        except ArtefactError as error:
            raise Refusal(error.reason) from error

    def run(self, feed: Feed) -> Answer:
        """Return every output by name."""
        return dict(zip(self._outputs, self._engine.run(feed, self._outputs), strict=True))

    def axes(self, spec: TensorSpec) -> InputAxes:
        """Return an input with its open dimensions' names, which are those of its first taker."""
        for number, step in enumerate(self._steps):
            for info in input_infos(self._models[step.model, step.version].graph):
                if step.inputs.get(info.name) == spec.name:
                    names = (f"{number}/{name}" for name in axis_names(info))
                    return InputAxes(
                        spec=spec,
                        axes=tuple(
                            name if size == DYNAMIC else ""
                            for name, size in zip(names, spec.shape, strict=True)
                        ),
                    )
        raise Refusal(f"no step takes its input {spec.name!r}")

    def _loaded(self, member: Member) -> tuple[Engine, ModelSignature]:
        data = member.path.read_bytes()
        model = structure.parse(data)
        runner = Runner.load(data)
        self.load_ms += runner.load_ms
        self.operators.update(structure.check(model))
        for item in model.opset_import:
            domain = item.domain or "ai.onnx"
            self.opsets[domain] = max(item.version, self.opsets.get(domain, 0))
        self._models[member.model, member.version] = model
        return _MemberEngine(runner, member.signature), member.signature

    def _member(self, step: Step) -> tuple[Engine, ModelSignature]:
        return self._engines[step.model, step.version]


@dataclass(frozen=True, slots=True)
class _MemberEngine:
    """A member under the gate's own session."""

    runner: Runner
    signature: ModelSignature

    def run(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        answer = self.runner.run(dict(inputs))
        return [answer[name] for name in outputs]

    def close(self) -> None:
        """Hold nothing that must be given back."""
