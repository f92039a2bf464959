"""Ensembles: `kind: ensemble` in a version's source.yaml declares a small graph of models.

    kind: ensemble
    inputs: [features]
    outputs: [label, score]
    steps:
      - {script: scale.py, inputs: {x: features}, outputs: {y: scaled}}
      - {model: churn, version: 3, inputs: {x: scaled}, outputs: {label: label, score: score}}

The graph belongs to the version, as bytes do: another graph is another version. What is wrong in it
alone is refused when it is read, what is wrong between members when it is built.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from catalogue.errors import Fault
from catalogue.graph import EnsembleSource, Kind, StepSource
from catalogue.sources import SOURCE_FILE, kind_of
from catalogue.spec import NAME, ModelSpec
from catalogue.typed_yaml import TypedReader
from falaj.domain.manifest import Manifest
from falaj.domain.signature import Batching, ModelSignature
from falaj.domain.tensors import DYNAMIC, TensorSpec
from falaj.domain.wiring import edge_faults, fits, words
from falaj.errors import ConfigurationError

Ensembles = Mapping[tuple[str, int], EnsembleSource]
"""Ensembles of a catalogue by model name and version."""


def load_ensembles(root: Path, specs: Sequence[ModelSpec]) -> tuple[Ensembles, list[str]]:
    """Read every version that is an ensemble, and every fault, as `<file>:<line>: <sentence>`."""
    found: dict[tuple[str, int], EnsembleSource] = {}
    faults = list[str]()
    known = {spec.name: spec for spec in specs}
    for spec in specs:
        for folder in _version_folders(root / spec.name):
            if kind_of(folder) != Kind.ENSEMBLE:
                continue
            reader, path = TypedReader(), folder / SOURCE_FILE
            source = reader.read_file(path, EnsembleSource)
            if source is not None:
                found[spec.name, int(folder.name)] = source
                for fault in _member_faults(source, spec, folder, known):
                    reader.add(fault.key, str(fault))
            faults.extend(reader.sentences(path))
    return found, faults


def wired(source: EnsembleSource, members: Sequence[ModelSignature]) -> ModelSignature:
    """Return what the ensemble takes and gives, as its members say.

    Args:
        source: The graph.
        members: The steps' signatures, in the steps' order.

    Raises:
        ConfigurationError: Every place where a member cannot take what it is given.
    """
    faults: list[str] = []
    known: dict[str, TensorSpec] = {}
    for name in source.inputs:
        known |= _taken(source, members, name, faults)
    for number in source.in_order():
        step, its = source.steps[number], members[number]
        who = f"steps.{number} ({step.title})"
        made = {spec.name: spec for spec in its.outputs}
        faults.extend(edge_faults(who, step.inputs, its, known))
        for output, tensor in step.outputs.items():
            if output in made:
                known[tensor] = _named(made[output], tensor)
            else:
                faults.append(f"{who} has no output {output!r}; it has {', '.join(made)}")
    if faults:
        raise ConfigurationError(faults)
    return ModelSignature(
        inputs=tuple(known[name] for name in source.inputs),
        outputs=tuple(known[name] for name in source.outputs),
        batching=Batching(),
    )


def graph_bytes(source: EnsembleSource, members: Sequence[Manifest]) -> bytes:
    """Write `ensemble.json`: the steps in order, each member pinned by version and digest."""
    steps = [
        {
            "model": members[number].name,
            "version": members[number].version,
            "sha256": members[number].sha256,
            "inputs": dict(source.steps[number].inputs),
            "outputs": dict(source.steps[number].outputs),
        }
        for number in source.in_order()
    ]
    return (json.dumps({"steps": steps}, indent=1, ensure_ascii=False) + "\n").encode()


def _version_folders(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_dir() and f.name.isdigit())


def _member_faults(
    source: EnsembleSource, spec: ModelSpec, folder: Path, known: Mapping[str, ModelSpec]
) -> Iterator[Fault]:
    if spec.sequence is not None:
        yield Fault("kind", "model.yaml says sequence, and an ensemble keeps no state; remove it")
    own: dict[str, str] = {}
    for number, step in enumerate(source.steps):
        at = f"steps.{number}"
        if step.model is not None:
            yield from _catalogue_faults(step, at, folder.parent.parent, known)
            continue
        name = step.member(spec.name)
        if not (folder / step.title).is_file():
            yield Fault(at, f"no file {step.title} beside {SOURCE_FILE}; write it")
        if name in known or own.setdefault(name, step.title) != step.title:
            yield Fault(at, f"it would be served as {name!r}, which is another's; rename the file")
        if NAME.fault(name):
            yield Fault(at, f"it would be served as {name!r}, which is not {NAME.words}; rename it")


def _catalogue_faults(
    step: StepSource, at: str, root: Path, known: Mapping[str, ModelSpec]
) -> Iterator[Fault]:
    folder = root / str(step.model) / str(step.version)
    if step.model not in known:
        yield Fault(f"{at}.model", f"no model {step.model!r}; there are: {', '.join(known)}")
    elif not folder.is_dir():
        there = ", ".join(found.name for found in _version_folders(folder.parent)) or "none"
        yield Fault(f"{at}.version", f"{step.model} has no version {step.version}; it has: {there}")
    elif kind_of(folder) == Kind.ENSEMBLE:
        yield Fault(
            f"{at}.model",
            f"{step.model} version {step.version} is an ensemble, and they do not nest; "
            "write its steps here",
        )


def _taken(
    source: EnsembleSource, members: Sequence[ModelSignature], tensor: str, faults: list[str]
) -> dict[str, TensorSpec]:
    """Return what the takers of an input of the ensemble want, where there are any."""
    wanted = [
        (number, spec)
        for number, step in enumerate(source.steps)
        for spec in members[number].inputs
        if step.inputs.get(spec.name) == tensor
    ]
    if not wanted:
        return {}
    first = _named(wanted[0][1], tensor)
    for number, spec in wanted[1:]:
        if not fits(first, spec):
            faults.append(
                f"steps.{number} ({source.steps[number].title}) takes {words(spec)}, and "
                f"{tensor!r} is {words(first)} for steps.{wanted[0][0]}"
            )
            break
        shape = tuple(
            b if a == DYNAMIC else a for a, b in zip(first.shape, spec.shape, strict=True)
        )
        first = TensorSpec(name=tensor, datatype=first.datatype, shape=shape)
    return {tensor: first}


def _named(spec: TensorSpec, name: str) -> TensorSpec:
    return TensorSpec(name=name, datatype=spec.datatype, shape=spec.shape)
