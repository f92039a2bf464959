"""The graph that a version's source.yaml declares, and what is wrong in it alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from catalogue.errors import Fault
from catalogue.settings import Pattern, Range, fault_if, refuse_unless_valid
from catalogue.spec import NAME
from falaj.domain.wiring import MAX_STEPS

SCRIPT: Final = Pattern(r"[a-z][a-z0-9_-]*\.py", "a Python file beside source.yaml: scale.py")
FILE: Final = Pattern(r"[a-z][a-z0-9_-]*\.onnx", "an ONNX file beside source.yaml: scale.onnx")
SHA256: Final = Pattern(r"[0-9a-f]{64}", "a sha256: 64 hexadecimal digits")
TENSOR: Final = Pattern(r"\S(.*\S)?", "a tensor's name, without spaces around it")


class Kind(StrEnum):
    """The only kind of source that is declared here."""

    ENSEMBLE = "ensemble"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSource:
    """One step: a version of another model, or pre- or post-processing of this ensemble's own."""

    model: Annotated[str | None, NAME, "A model of the catalogue that is no ensemble."] = None
    version: Annotated[int | None, Range(1), "The model's version; it stays pinned."] = None
    script: Annotated[
        str | None, SCRIPT, "Instead of a model: `python <script> OUTPUT` writes the ONNX graph."
    ] = None
    file: Annotated[str | None, FILE, "Instead of a model: an ONNX file beside source.yaml."] = None
    sha256: Annotated[str | None, SHA256, "The file's digest."] = None
    inputs: Annotated[Mapping[str, str], "The step's inputs and the tensors they take."]
    outputs: Annotated[Mapping[str, str], "The step's outputs and the tensors they become."]

    def __post_init__(self) -> None:
        named = [name for name in ("model", "script", "file") if getattr(self, name) is not None]
        refuse_unless_valid(
            self,
            fault_if(
                len(named) != 1,
                "",
                f"names {' and '.join(named) or 'nothing'}; write one of model, script and file",
            ),
            fault_if(
                (self.model is None) != (self.version is None),
                "version",
                "belongs to a model, and a model to a version; write both",
            ),
            fault_if(
                (self.file is None) != (self.sha256 is None),
                "sha256",
                "pins a file, and a file is pinned; write both",
            ),
            fault_if(not self.outputs, "outputs", "is empty; a step makes at least one tensor"),
        )

    @property
    def title(self) -> str:
        """What sentences call it."""
        return self.model or self.script or self.file or ""

    def member(self, ensemble: str) -> str:
        """Return the name under which it is served.

        Example:
            >>> StepSource(script="to_grey.py", inputs={}, outputs={"y": "grey"}).member("vision")
            'vision-to-grey'
        """
        stem = Path(self.title).stem.replace("_", "-").rstrip("-")
        return self.model or f"{ensemble}-{stem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsembleSource:
    """A version that is a graph of other models, served as if it were one."""

    kind: Annotated[Kind, "What this file declares."]
    inputs: Annotated[tuple[str, ...], TENSOR, "Tensors that callers give."]
    outputs: Annotated[tuple[str, ...], TENSOR, "Tensors that callers get."]
    steps: Annotated[tuple[StepSource, ...], "The graph; the tensors' names say the order."]
    licence: Annotated[str, "SPDX expression of the graph itself."] = ""

    def __post_init__(self) -> None:
        refuse_unless_valid(self, *_graph_faults(self))

    def members(self, name: str) -> tuple[str, ...]:
        """Return the names under which the steps are served, in the steps' order."""
        return tuple(step.member(name) for step in self.steps)

    def in_order(self) -> tuple[int, ...]:
        """Return the steps' numbers in an order in which each finds its inputs."""
        order, _ = _ordered(self)
        return tuple(order)


def _graph_faults(source: EnsembleSource) -> Iterator[Fault]:
    if not 1 <= len(source.steps) <= MAX_STEPS:
        yield Fault("steps", f"there are {len(source.steps)}; write 1 to {MAX_STEPS}")
    if not source.outputs:
        yield Fault("outputs", "is empty; name a tensor that callers get")
    for key in ("inputs", "outputs"):
        names: tuple[str, ...] = getattr(source, key)
        if len(set(names)) < len(names):
            yield Fault(key, "names a tensor twice; write each once")
    makers = _makers(source)
    yield from _made_twice(source, makers)
    yield from _not_taken(source)
    yield from _not_made(source, makers)
    _, circle = _ordered(source)
    if circle:
        around = " → ".join(f"steps.{n} ({source.steps[n].title})" for n in (*circle, circle[0]))
        yield Fault("steps", f"wait for one another in a circle: {around}; break it")


def _makers(source: EnsembleSource) -> dict[str, int]:
    """Return who makes each tensor first."""
    found: dict[str, int] = {}
    for number, step in enumerate(source.steps):
        for tensor in step.outputs.values():
            found.setdefault(tensor, number)
    return found


def _made_twice(source: EnsembleSource, makers: Mapping[str, int]) -> Iterator[Fault]:
    seen: set[str] = set()
    for number, step in enumerate(source.steps):
        for tensor in step.outputs.values():
            first = makers[tensor]
            maker = (
                "is an input of the ensemble"
                if tensor in source.inputs
                else f"is made by steps.{first} ({source.steps[first].title}) already"
            )
            if tensor in source.inputs or tensor in seen:
                yield Fault(
                    f"steps.{number}.outputs",
                    f"{tensor!r} {maker}; call what this step makes otherwise",
                )
            seen.add(tensor)


def _not_taken(source: EnsembleSource) -> Iterator[Fault]:
    taken = {tensor for step in source.steps for tensor in step.inputs.values()}
    for tensor in source.inputs:
        if tensor not in taken:
            yield Fault("inputs", f"no step takes {tensor!r}; leave it out")
    for number, step in enumerate(source.steps):
        for tensor in step.outputs.values():
            if tensor not in taken and tensor not in source.outputs:
                yield Fault(
                    f"steps.{number}.outputs",
                    f"no step takes {tensor!r}, and it is no output of the ensemble; leave it out",
                )


def _not_made(source: EnsembleSource, makers: Mapping[str, int]) -> Iterator[Fault]:
    known = (*source.inputs, *makers)
    for number, step in enumerate(source.steps):
        for tensor in step.inputs.values():
            if tensor not in known:
                yield Fault(
                    f"steps.{number}.inputs",
                    f"nothing makes {tensor!r}, and it is no input of the ensemble; there are: "
                    f"{', '.join(known) or 'none'}",
                )
    for tensor in source.outputs:
        if tensor not in makers:
            yield Fault("outputs", f"no step makes {tensor!r}; made are: {', '.join(makers)}")


def _ordered(source: EnsembleSource) -> tuple[list[int], list[int]]:
    """Return the steps in order, and a circle among those that cannot be ordered."""
    makers = {t: n for n, step in enumerate(source.steps) for t in step.outputs.values()}
    needs = {
        number: {makers[t] for t in step.inputs.values() if t in makers}
        for number, step in enumerate(source.steps)
    }
    order: list[int] = []
    while ready := [n for n, needed in needs.items() if n not in order and needed <= set(order)]:
        order.append(ready[0])
    left = [number for number in needs if number not in order]
    if not left:
        return order, []
    path: list[int] = [left[0]]
    while True:
        following = min(needs[path[-1]] - set(order))
        if following in path:
            circle = path[path.index(following) :][::-1]
            first = circle.index(min(circle))
            return order, circle[first:] + circle[:first]
        path.append(following)
