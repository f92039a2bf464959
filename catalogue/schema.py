"""The published JSON Schema and reference of model.yaml, made from the values that read it.

`python -m catalogue.schema` writes both; a test compares them with what is committed.
"""

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from catalogue.settings import DURATION, Pattern, Range, Setting, settings_of, write_duration
from catalogue.spec import ModelSpec

SCHEMA_FILE: Final = "model.schema.json"
REFERENCE_FILE: Final = "model-yaml.md"

_PLAIN: Final = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema() -> dict[str, Any]:
    """Return the JSON Schema of model.yaml (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Falaj model.yaml",
        **_part(ModelSpec),
    }


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
    """Write both files into a folder."""
    text = json.dumps(schema(), indent=2, ensure_ascii=False)
    (folder / SCHEMA_FILE).write_text(f"{text}\n", encoding="utf-8")
    (folder / REFERENCE_FILE).write_text(reference(), encoding="utf-8")


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
    if get_origin(kind) in {Union, UnionType}:
        return {"anyOf": [_kind(option, rules) for option in get_args(kind)]}
    if get_origin(kind) is Literal:
        return {"enum": list(get_args(kind))}
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _kind(get_args(kind)[0], rules)}
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
    takes = "keys below" if is_part else _words(setting)
    return f"| `{setting.key}` | {takes} | {default} | {setting.description} |"


def _nested(kind: Any) -> type | None:  # noqa: ANN401 - any annotation
    options = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
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
    if get_origin(kind) is tuple:
        return f"list of {_kind_words(get_args(kind)[0])}"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return ", ".join(f"`{member.value}`" for member in kind)
    names = {timedelta: "duration (`90s`, `1h30m`)", type(None): "`null`", str: "text"}
    return names.get(kind) or _PLAIN[kind]


if __name__ == "__main__":
    write(Path("docs/reference"))
