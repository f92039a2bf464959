"""A state machine's definition, read strictly: what is not carried out here is refused by name.

Source: states-language.net/spec.html and docs.aws.amazon.com/step-functions/latest/dg/
state-map-distributed.html, read 2026-11-22.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from falaj.errors import ConfigurationError
from local_region.state_machines.paths import PATH

INVOKE: Final = "arn:aws:states:::lambda:invoke"
READ: Final = "arn:aws:states:::s3:getObject"

_MACHINE: Final = frozenset({"Comment", "StartAt", "States"})
_COMMON: Final = frozenset(
    {"Comment", "Type", "Next", "End", "ResultSelector", "ResultPath", "OutputPath"}
)
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "Succeed": frozenset({"Comment", "Type"}),
    "Task": _COMMON | {"Resource", "Parameters", "TimeoutSeconds", "Retry"},
    "Map": _COMMON
    | {
        "ItemReader",
        "ItemSelector",
        "ItemProcessor",
        "MaxConcurrencyPath",
        "ToleratedFailureCountPath",
    },
}
_RETRY: Final = frozenset(
    {
        "ErrorEquals",
        "IntervalSeconds",
        "BackoffRate",
        "MaxAttempts",
        "MaxDelaySeconds",
        "JitterStrategy",
    }
)
_ONE_NAME: Final = 1


def read(text: str) -> dict[str, Any]:
    """Read a definition.

    Raises:
        ConfigurationError: Every state type, field and value that is not carried out here.
    """
    try:
        definition = json.loads(text)
    except ValueError as error:
        raise ConfigurationError([f"the definition is no JSON: {error}"]) from error
    faults = list(_machine_faults(definition, "definition"))
    if faults:
        raise ConfigurationError(faults)
    return dict(definition)


def _machine_faults(value: Any, where: str, more: frozenset[str] = frozenset()) -> Iterator[str]:  # noqa: ANN401 - JSON
    if not isinstance(value, Mapping):
        yield f"{where} is no object"
        return
    yield from _unknown(value, _MACHINE | more, where)
    states = value.get("States")
    if not isinstance(states, Mapping) or value.get("StartAt") not in states:
        yield f"{where} starts at no state of its own"
        return
    for name, state in states.items():
        yield from _state_faults(state, f"{where}.States.{name}", states)


def _state_faults(state: Any, where: str, states: Mapping[str, Any]) -> Iterator[str]:  # noqa: ANN401 - JSON
    kind = str(state.get("Type") if isinstance(state, Mapping) else None)
    if kind not in _FIELDS:
        yield f"{where}: a state of type {kind!r} is not known here (known: {', '.join(_FIELDS)})"
        return
    yield from _unknown(state, _FIELDS[kind], where)
    if kind == "Succeed":
        return
    if (state.get("Next") in states) == (state.get("End") is True):
        yield f"{where} needs either End or a Next that is there"
    yield from _path_faults(state, where)
    yield from (_task_faults if kind == "Task" else _map_faults)(state, where)


def _path_faults(state: Mapping[str, Any], where: str) -> Iterator[str]:
    for field in ("ResultPath", "OutputPath", "MaxConcurrencyPath", "ToleratedFailureCountPath"):
        path = state.get(field, "$")
        if path is None and field in {"ResultPath", "OutputPath"}:
            continue
        if not isinstance(path, str) or not PATH.fullmatch(path) or path.startswith("$$"):
            yield f"{where}.{field}: path {path!r} is not known here"
        elif field == "ResultPath" and path.count(".") > _ONE_NAME:
            yield f"{where}.ResultPath: {path!r} is deeper than one name"


def _task_faults(state: Mapping[str, Any], where: str) -> Iterator[str]:
    if state.get("Resource") != INVOKE:
        yield f"{where}: resource {state.get('Resource')!r} is not known here (known: {INVOKE})"
    yield from _unknown(state.get("Parameters", {}), {"FunctionName.$", "Payload"}, where)
    for number, retrier in enumerate(state.get("Retry", ())):
        yield from _unknown(retrier, _RETRY, f"{where}.Retry[{number}]")


def _map_faults(state: Mapping[str, Any], where: str) -> Iterator[str]:
    reader, processor = state.get("ItemReader", {}), state.get("ItemProcessor", {})
    config = processor.get("ProcessorConfig", {})
    if config.get("Mode") != "DISTRIBUTED":
        yield f"{where}: only maps of mode DISTRIBUTED are known here"
    yield from _unknown(config, {"Mode", "ExecutionType"}, f"{where}.ProcessorConfig")
    if reader.get("Resource") != READ or reader.get("ReaderConfig") != {"InputType": "JSON"}:
        yield f"{where}.ItemReader: only one JSON array in S3 ({READ}) is known here"
    yield from _unknown(reader, {"Resource", "ReaderConfig", "Parameters"}, f"{where}.ItemReader")
    parameters = reader.get("Parameters", {})
    yield from _unknown(parameters, {"Bucket.$", "Key.$"}, f"{where}.ItemReader.Parameters")
    yield from _machine_faults(
        processor, f"{where}.ItemProcessor", more=frozenset({"ProcessorConfig"})
    )


def _unknown(
    value: Mapping[str, Any], known: frozenset[str] | set[str], where: str
) -> Iterator[str]:
    for field in sorted(value.keys() - known):
        yield f"{where}: field {field!r} is not known here"
