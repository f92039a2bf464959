"""A stranger's ONNX file enters the catalogue, through the gate."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from catalogue.compute import LARGEST_MEMORY_MIB, MEMORY_MIB_PER_VCPU
from catalogue.gate import Findings, Limits, examine
from catalogue.reading import SPEC_FILE, load_model
from catalogue.sources import GOLDEN_FILE, SOURCE_FILE
from catalogue.spec import Compute, ModelSpec
from catalogue.writing import write_json_lines
from falaj.contract import MODEL_FILE
from falaj.domain.tensors import DYNAMIC, Datatype, TensorSpec

PROCESS_MEMORY_MIB: Final = 192
"""Python, NumPy and ONNX Runtime before a model is loaded, rounded up."""
MEMORY_STEP_MIB: Final = 64
OWNER_TO_SET: Final = "set-me"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """What was written, and what the gate found.

    Attributes:
        spec: The model's specification, as it is on disk.
        version: The version that was added.
        spec_file: Its model.yaml.
        folder: The version's folder.
        is_new_model: Whether model.yaml was written; otherwise it still serves what it served.
        findings: The gate's report.
    """

    spec: ModelSpec
    version: int
    spec_file: Path
    folder: Path
    is_new_model: bool
    findings: Findings


def add(
    path: Path,
    *,
    name: str,
    models_root: Path,
    description: str = "",
    owner: str = OWNER_TO_SET,
    golden: Sequence[Mapping[str, Any]] = (),
    limits: Limits | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
) -> Addition:
    """Examine an ONNX file and write it into the catalogue, as a new model or its next version.

    Args:
        path: The ONNX file.
        name: The model's name, a DNS label.
        models_root: The catalogue's folder.
        description: A sentence for a new model; by default the file it came from.
        owner: The team that answers for a new model.
        golden: Cases with known answers, as in a manifest.
        limits: What the examination may use.
        on_stage: Told the name of each stage as it begins.

    Raises:
        ConfigurationError: The name is no DNS label, or the model's model.yaml has faults.
        ModelRefusedError: The gate said no; nothing was written.
    """
    spec_file = models_root / name / SPEC_FILE
    sentence = description or f"Added from {path.name}"
    draft = ModelSpec(name=name, version=1, owner=owner, description=sentence)
    known = load_model(spec_file) if spec_file.is_file() else None
    data, findings = examine(path, golden=golden, limits=limits, on_stage=on_stage)
    version = _next_version(spec_file.parent)
    folder = spec_file.parent / str(version)
    folder.mkdir(parents=True)
    (folder / MODEL_FILE).write_bytes(data)
    if golden:
        write_json_lines(folder / GOLDEN_FILE, golden)
    _write_yaml(folder / SOURCE_FILE, {"kind": "file", "sha256": findings.sha256})
    if known is None:
        _write_yaml(spec_file, _document(draft, version, _memory_mib(findings)))
    return Addition(
        spec=load_model(spec_file),
        version=version,
        spec_file=spec_file,
        folder=folder,
        is_new_model=known is None,
        findings=findings,
    )


def describe(findings: Findings) -> tuple[str, ...]:
    """Return what the gate found, a sentence each, for a person."""
    return tuple(_sentences(findings))


def _sentences(findings: Findings) -> Iterator[str]:
    signature, figures = findings.signature, findings.measurements
    yield f"{findings.size_bytes:,} bytes, sha256 {findings.sha256}"
    for role, specs in (("input", signature.inputs), ("output", signature.outputs)):
        yield from (f"{role} {_tensor(spec)}" for spec in specs)
    if any(spec.datatype is Datatype.BYTES for spec in signature.inputs):
        yield "it takes text: send BYTES tensors, UTF-8"
    if signature.batching.is_safe:
        yield "requests may share a batch: an answer is the same alone and in company"
    if signature.batching.pad_allowed:
        yield "shorter requests may be padded with zeros: answers stay the same"
    yield from findings.notes
    yield (
        f"a run took {figures.p50_ms:g} ms (median of {figures.runs}), the first "
        f"{figures.first_run_ms:g} ms; loading {figures.load_ms:g} ms and "
        f"{figures.memory_mib:g} MiB"
    )
    if not findings.golden_cases:
        yield f"no known answer was checked; write {GOLDEN_FILE} beside the model"


def _tensor(spec: TensorSpec) -> str:
    open_axes = [str(axis) for axis, size in enumerate(spec.shape) if size == DYNAMIC]
    shape = ", ".join("any" if size == DYNAMIC else str(size) for size in spec.shape)
    axes = f"; open: dimension {', '.join(open_axes)}" if open_axes else ""
    return f"{spec.name}: {spec.datatype.value}[{shape}]{axes}"


def _next_version(model_folder: Path) -> int:
    if not model_folder.is_dir():
        return 1
    numbers = (int(f.name) for f in model_folder.iterdir() if f.is_dir() and f.name.isdigit())
    return max(numbers, default=0) + 1


def _memory_mib(findings: Findings) -> int:
    """Twice what the session took beside the process itself, but no less than one vCPU's worth."""
    needed = PROCESS_MEMORY_MIB + 2 * findings.measurements.memory_mib
    stepped = math.ceil(needed / MEMORY_STEP_MIB) * MEMORY_STEP_MIB
    return min(max(MEMORY_MIB_PER_VCPU, stepped), LARGEST_MEMORY_MIB)


def _document(draft: ModelSpec, version: int, memory_mib: int) -> dict[str, Any]:
    compute = Compute(memory_mib=memory_mib)
    return {
        "name": draft.name,
        "description": draft.description,
        "owner": draft.owner,
        "risk": draft.risk.value,
        "data_class": draft.data_class.value,
        "version": version,
        "compute": {
            "target": compute.target.value,
            "memory_mib": compute.memory_mib,
            "timeout_s": compute.timeout_s,
        },
    }


def _write_yaml(path: Path, document: Mapping[str, Any]) -> None:
    text = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
