"""The gate's stages, in order; runs inside the child process only."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from onnx import ModelProto

from catalogue.gate import golden, structure
from catalogue.gate.company import Company, difference, examine_company
from catalogue.gate.findings import Findings, Measurements
from catalogue.gate.probing import probe
from catalogue.gate.refusal import Refusal, first_line
from catalogue.gate.rewriting import servable
from catalogue.gate.running import (
    PROVIDER,
    Answer,
    Runner,
    Runs,
    Timing,
    measure,
    resident_memory_mib,
    warm_up,
)
from catalogue.gate.sampling import InputAxes
from catalogue.gate.signatures import axis_names, input_infos, input_specs, output_specs
from catalogue.gate.state import state_pairs
from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import DYNAMIC, TensorSpec

Say = Callable[[str], None]
TAKES_NO_EMPTY: Final = (
    "a tensor without elements ends the process that runs it, so requests with one are refused"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A model that passed: the bytes to serve and what was found."""

    data: bytes
    findings: Findings


def admit(data: bytes, cases: Sequence[golden.Case], say: Say) -> Admitted:
    """Take a model through every stage.

    Args:
        data: The model file.
        cases: Golden cases; each must come out right.
        say: Told the name of each stage before it begins.

    Raises:
        Refusal: The first stage that said no.
    """
    say("reading the file")
    model = structure.parse(data)
    say("checking operators and data")
    operators = structure.check(model)
    model, notes = servable(model)
    if notes:
        data = model.SerializeToString(deterministic=True)
    specs = input_specs(model)
    inputs = tuple(
        InputAxes(spec=spec, axes=axis_names(info))
        for spec, info in zip(specs, input_infos(model.graph), strict=True)
    )
    candidate = _Candidate(data=data, model=model, operators=operators, notes=notes)
    return _run(candidate, inputs, cases, say)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A model that is well made; whether it runs is still open."""

    data: bytes
    model: ModelProto
    operators: Counter[str]
    notes: tuple[str, ...]


def _run(
    candidate: _Candidate, inputs: tuple[InputAxes, ...], cases: Sequence[golden.Case], say: Say
) -> Admitted:
    say("loading it from bytes")
    memory_before = resident_memory_mib()
    runner = Runner.load(candidate.data)
    seen = observe(runner, inputs, cases, say)
    signature = ModelSignature(
        inputs=tuple(item.spec for item in inputs),
        outputs=_output_specs(candidate.model, seen.answer),
        batching=seen.company.batching,
    )
    pairs = state_pairs(signature.inputs, signature.outputs)
    opsets = {item.domain or "ai.onnx": item.version for item in candidate.model.opset_import}
    return Admitted(
        data=candidate.data,
        findings=Findings(
            sha256=hashlib.sha256(candidate.data).hexdigest(),
            size_bytes=len(candidate.data),
            signature=signature,
            opsets=dict(sorted(opsets.items())),
            operators=dict(sorted(candidate.operators.items())),
            providers=(PROVIDER,),
            state_pairs=pairs,
            golden_cases=len(cases),
            takes_empty=seen.takes_empty,
            notes=(*candidate.notes, *seen.notes, *_state_remarks(pairs)),
            measurements=seen.measurements(runner.load_ms, resident_memory_mib() - memory_before),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What running a model showed."""

    answer: Answer
    takes_empty: bool
    company: Company
    timing: Timing
    notes: tuple[str, ...]

    def measurements(self, load_ms: float, memory_mib: float) -> Measurements:
        """Put the figures together."""
        return Measurements(
            load_ms=round(load_ms, 3),
            first_run_ms=self.timing.first_run_ms,
            p50_ms=self.timing.p50_ms,
            p99_ms=self.timing.p99_ms,
            runs=self.timing.runs,
            memory_mib=round(memory_mib, 1),
            company_difference=self.company.company_difference,
            padding_difference=self.company.padding_difference,
        )


def observe(
    runner: Runs, inputs: tuple[InputAxes, ...], cases: Sequence[golden.Case], say: Say
) -> Observed:
    """Warm a model up, check its known answers, join, pad and time its requests.

    Raises:
        Refusal: It takes no input, or a known answer came out otherwise.
    """
    say("warming up")
    recipe = warm_up(runner, inputs, golden.pools(cases))
    sample = recipe.feed(inputs, rows=1, seed=0)
    answer = runner.run(sample)
    say("checking golden cases")
    _check_golden(runner, cases)
    say("comparing alone, in company and padded")
    company = examine_company(runner, inputs, recipe)
    again = runner.run(sample)
    takes_empty = probe(runner, inputs, recipe, say)
    say("measuring")
    return Observed(
        answer=answer,
        takes_empty=takes_empty,
        company=company,
        timing=measure(runner, golden.feed_of(cases[0]) if cases else sample),
        notes=(
            *company.notes,
            *_remarks(answer, again),
            *(() if takes_empty else (TAKES_NO_EMPTY,)),
        ),
    )


def _output_specs(model: ModelProto, answer: Answer) -> tuple[TensorSpec, ...]:
    """Return the declared outputs, opened where a run contradicts the declaration.

    Raises:
        Refusal: An output is no tensor, or has another rank than it declares.
    """
    for name, array in answer.items():
        if not isinstance(array, np.ndarray):
            raise Refusal(f"output {name!r} is {type(array).__name__} and no tensor")
    declared = output_specs(model, {name: array.ndim for name, array in answer.items()})
    return tuple(_opened(spec, answer[spec.name].shape) for spec in declared)


def _opened(spec: TensorSpec, seen: tuple[int, ...]) -> TensorSpec:
    if len(seen) != len(spec.shape):
        raise Refusal(
            f"output {spec.name!r} declares shape {list(spec.shape)} but gave {list(seen)}; "
            "export the model again with the shape it has"
        )
    shape = tuple(a if a == b else DYNAMIC for a, b in zip(spec.shape, seen, strict=True))
    return TensorSpec(name=spec.name, datatype=spec.datatype, shape=shape)


def _check_golden(runner: Runs, cases: Sequence[golden.Case]) -> None:
    wrong = []
    for case in cases:
        try:
            answer = runner.run(golden.feed_of(case))
        except (Refusal, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - the engine raises its own types
            wrong.append(f"golden case {case.get('name')!r} was not taken: {first_line(error)}")
        else:
            wrong.append(golden.mismatch(case, answer) or "")
    found = [sentence for sentence in wrong if sentence]
    if found:
        raise Refusal("; ".join(found))


def _remarks(answer: Answer, again: Answer) -> Iterator[str]:
    if difference(answer, again) > 1.0:
        yield "the same input does not always give the same answer"
    for name, array in answer.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            yield f"a made-up input gave NaN or infinity in output {name!r}; served, that is a 500"


def _state_remarks(pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    if pairs:
        shown = ", ".join(f"{given} from {made}" for given, made in pairs)
        yield f"it looks stateful: a caller carries {shown} from one request to the next"
