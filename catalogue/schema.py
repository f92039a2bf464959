"""The published JSON Schemas and references of model.yaml and of ensembles' source.yaml.

They are made from the values that read the files; `python -m catalogue.schema` writes them, and a
test compares them with what is committed.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from catalogue import ensembles
from catalogue.graph import EnsembleSource
from catalogue.settings import DURATION, Pattern, Range, Setting, settings_of, write_duration
from catalogue.spec import ModelSpec

SCHEMA_FILE: Final = "model.schema.json"
REFERENCE_FILE: Final = "model-yaml.md"
ENSEMBLE_SCHEMA_FILE: Final = "ensemble.schema.json"
ENSEMBLE_REFERENCE_FILE: Final = "ensemble-yaml.md"

_PLAIN: Final = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema(part: type = ModelSpec, title: str = "Falaj model.yaml") -> dict[str, Any]:
    """Return the JSON Schema of a file (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **_part(part),
    }


def ensemble_schema() -> dict[str, Any]:
    """Return the JSON Schema of an ensemble's source.yaml."""
    return schema(EnsembleSource, "Falaj source.yaml of an ensemble")


def ensemble_reference() -> str:
    """Return the reference of an ensemble's source.yaml as Markdown."""
    lines = [
        "# source.yaml of an ensemble",
        "",
        "A version whose source.yaml says `kind: ensemble` is a small graph of other versions.",
        "It is served as if it were one model; [the catalogue](catalogue.md#ensembles) tells how.",
        "This page and `ensemble.schema.json` are written by `python -m catalogue.schema`.",
        "",
        "```yaml",
        *_example(),
        "```",
        "",
        *_tables(EnsembleSource, ""),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _example() -> list[str]:
    """Return the example that the package's own words give."""
    indented = [line for line in (ensembles.__doc__ or "").splitlines() if line.startswith("    ")]
    return [line.removeprefix("    ") for line in indented]


def reference() -> str:
    """Return the reference of model.yaml as Markdown, one table a section."""
    lines = [
        "# model.yaml",
        "",
        "One file describes a model: `models/<name>/model.yaml`.",
        "Four keys are required; every default is safe in production.",
        "This page and `model.schema.json` are written by `python -m catalogue.schema`.",
        "",
        *_tables(ModelSpec, ""),
        "## For editors",
        "",
        "An editor with a YAML language server checks the file as it is written, given this line:",
        "",
        "```yaml",
        "# yaml-language-server: $schema=../../docs/reference/model.schema.json",
        "```",
    ]
    return "\n".join(lines) + "\n"


def write(folder: Path) -> None:
    """Write every file into a folder."""
    for name, document in ((SCHEMA_FILE, schema()), (ENSEMBLE_SCHEMA_FILE, ensemble_schema())):
        text = json.dumps(document, indent=2, ensure_ascii=False)
        (folder / name).write_text(f"{text}\n", encoding="utf-8")
    (folder / REFERENCE_FILE).write_text(reference(), encoding="utf-8")
    (folder / ENSEMBLE_REFERENCE_FILE).write_text(ensemble_reference(), encoding="utf-8")


def _part(part: type) -> dict[str, Any]:
    settings = list(settings_of(part))
    described: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {setting.key: _property(setting) for setting in settings},
    }
    required = [setting.key for setting in settings if setting.is_required]
    return {**described, "required": required} if required else described


def _property(setting: Setting) -> dict[str, Any]:
    described = {"description": setting.description, **_kind(setting.kind, setting.rules)}
    if setting.is_required:
        return described
    return {**described, "default": _plain(setting.default)}


def _kind(kind: Any, rules: tuple[Range | Pattern, ...]) -> dict[str, Any]:  # noqa: ANN401 - any annotation
    inner = get_args(kind)
    match get_origin(kind):
        case origin if origin in {Union, UnionType}:
            return {"anyOf": [_kind(option, rules) for option in inner]}
        case origin if origin is Literal:
            return {"enum": list(inner)}
        case origin if origin is tuple:
            return {"type": "array", "items": _kind(inner[0], rules)}
        case origin if origin is Mapping:
            return {"type": "object", "additionalProperties": {"type": "string"}}
        case _:
            return _simple_kind(kind, rules)


def _simple_kind(kind: Any, rules: tuple[Range | Pattern, ...]) -> dict[str, Any]:  # noqa: ANN401 - any annotation
    if is_dataclass(kind) and isinstance(kind, type):
        return _part(kind)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {"enum": [member.value for member in kind]}
    if kind is timedelta:
        return {"type": "string", "pattern": f"^{DURATION}$"}
    if kind is type(None):
        return {"type": "null"}
    return {"type": _PLAIN[kind], **_bounds(kind, rules)}


def _bounds(kind: type, rules: tuple[Range | Pattern, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for rule in rules:
        if isinstance(rule, Pattern):
            found["pattern"] = f"^{rule.expression}$"
        elif kind in {int, float}:
            named = {"minimum": rule.minimum, "maximum": rule.maximum}
            found |= {key: value for key, value in named.items() if value is not None}
    return found


def _plain(value: Any) -> Any:  # noqa: ANN401 - any default
    if isinstance(value, timedelta):
        return write_duration(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    return value.value if isinstance(value, StrEnum) else value


def _tables(part: type, path: str) -> Iterator[str]:
    """Yield a table of this part, then those of the parts below it."""
    if path:
        yield from (f"## {path}", "")
    yield from ("| key | takes | default | meaning |", "|---|---|---|---|")
    below: list[tuple[str, type]] = []
    for setting in settings_of(part):
        nested = _nested(setting.kind)
        if nested:
            below.append((f"{path}.{setting.key}" if path else setting.key, nested))
        yield _row(setting, is_part=nested is not None)
    yield ""
    for name, nested_part in below:
        yield from _tables(nested_part, name)


def _row(setting: Setting, *, is_part: bool) -> str:
    if setting.is_required:
        default = "required"
    elif is_part:
        default = "not set" if setting.default is None else "as below"
    else:
        default = f"`{json.dumps(_plain(setting.default))}`"
    takes = _words(setting) if not is_part else _below(setting)
    return f"| `{setting.key}` | {takes} | {default} | {setting.description} |"


def _below(setting: Setting) -> str:
    return "list of keys below" if get_origin(setting.kind) is tuple else "keys below"


def _nested(kind: Any) -> type | None:  # noqa: ANN401 - any annotation
    options = get_args(kind) if get_origin(kind) in {Union, UnionType, tuple} else (kind,)
    return next((o for o in options if is_dataclass(o) and isinstance(o, type)), None)


def _words(setting: Setting) -> str:
    rules = ", ".join(
        f"{rule}" if isinstance(rule, Range) else rule.words.partition(":")[0]
        for rule in setting.rules
    )
    kind = _kind_words(setting.kind)
    return f"{kind}, {rules}" if rules else kind


def _kind_words(kind: Any) -> str:  # noqa: ANN401 - any annotation
    if get_origin(kind) in {Union, UnionType}:
        return " or ".join(_kind_words(option) for option in get_args(kind))
    if get_origin(kind) is Literal:
        return ", ".join(f"`{word}`" for word in get_args(kind))
    if get_origin(kind) is Mapping:
        return "names and names"
    if get_origin(kind) is tuple:
        return f"list of {_kind_words(get_args(kind)[0])}"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return ", ".join(f"`{member.value}`" for member in kind)
    names = {timedelta: "duration (`90s`, `1h30m`)", type(None): "`null`", str: "text"}
    return names.get(kind) or _PLAIN[kind]


if __name__ == "__main__":
    write(Path("docs/reference"))
