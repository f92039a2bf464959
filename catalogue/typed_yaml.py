"""YAML becomes typed values, with every fault and its line."""

import difflib
from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin

import yaml

from catalogue.errors import InvalidSpecError
from catalogue.settings import Setting, read_duration, settings_of

T = TypeVar("T")


class TypedReader:
    """Reads typed values from YAML's nodes, which know their lines, and keeps every fault."""

    def __init__(self) -> None:
        """Begin without a fault."""
        self.faults: list[tuple[int, str]] = []
        self._lines: dict[str, int] = {"": 1}

    def add(self, key: str, reason: str) -> None:
        """Note a fault, on the line of its key."""
        self.faults.append((self._line(key), reason))

    def read_file(self, path: Path, part: type[T]) -> T | None:
        """Read a file into a dataclass; None when it was refused, and `faults` says why."""
        try:
            node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError, OSError) as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or error
            line = mark.line + 1 if mark else 1
            self.faults.append((line, f"not readable as YAML: {problem}; mend the text"))
            return None
        if node is None:
            needed = ", ".join(s.key for s in settings_of(part) if s.is_required)
            self.add("", f"the file is empty; write {needed}")
            return None
        value = self._part(part, node, "")
        return value if isinstance(value, part) else None

    def sentences(self, path: Path) -> list[str]:
        """Return the faults in the order of their lines, each as `<file>:<line>: <sentence>`."""
        lines = sorted(self.faults, key=lambda item: item[0])
        return [f"{path}:{line}: {reason}" for line, reason in lines]

    def _line(self, key: str) -> int:
        while key not in self._lines:
            key = key.rpartition(".")[0]
        return self._lines[key]

    def _part(self, part: type, node: yaml.Node, at: str) -> object:
        """Read a mapping into a dataclass; None when anything below it was refused."""
        if not isinstance(node, yaml.MappingNode):
            self.add(at, f"{at or 'the file'} holds keys and values; write them below it, indented")
            return None
        before = len(self.faults)
        settings = {setting.key: setting for setting in settings_of(part)}
        values = self._values(node, settings, at)
        self._require(settings, values, at, before)
        if len(self.faults) > before:
            values = {key: value for key, value in values.items() if value is not _REFUSED}
        if any(s.is_required and s.key not in values for s in settings.values()):
            return None
        return self._construct(part, values, at, before)

    def _construct(self, part: type, values: dict[str, Any], at: str, before: int) -> object:
        """Build the value even beside earlier faults, so that its own are reported with them."""
        try:
            built = part(**values)
        except InvalidSpecError as error:
            for fault in error.found:
                key = f"{at}.{fault.key}" if at else fault.key
                self.add(key, f"{key}: {fault.reason}")
            return None
        return built if len(self.faults) == before else None

    def _require(
        self, settings: dict[str, Setting], values: dict[str, Any], at: str, before: int
    ) -> None:
        del before
        for setting in settings.values():
            if setting.is_required and setting.key not in values:
                key = f"{at}.{setting.key}" if at else setting.key
                self.add(at, f"{key} is missing: {setting.description}")

    def _values(
        self, node: yaml.MappingNode, settings: dict[str, Setting], at: str
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            full = f"{at}.{key}" if at else key
            self._lines[full] = key_node.start_mark.line + 1
            if key not in settings:
                self.add(full, f"unknown key {full!r}{_did_you_mean(key, settings)}")
            elif key in values:
                self.add(full, f"{full} is written twice; keep one")
            else:
                values[key] = self._value(settings[key].kind, value_node, full)
        return values

    def _value(self, kind: Any, node: yaml.Node, at: str) -> object:  # noqa: ANN401 - any annotation
        if get_origin(kind) in {Union, UnionType}:
            return self._either(get_args(kind), node, at)
        if is_dataclass(kind) and isinstance(kind, type):
            value = self._part(kind, node, at)
            return _REFUSED if value is None else value
        if get_origin(kind) is tuple:
            return self._list(get_args(kind)[0], node, at)
        if get_origin(kind) is Mapping:
            return self._texts(node, at)
        try:
            return _scalar(kind, node)
        except (ValueError, OverflowError) as error:
            self.add(at, f"{at}: {error}")
            return _REFUSED

    def _list(self, kind: Any, node: yaml.Node, at: str) -> object:  # noqa: ANN401 - any annotation
        if not isinstance(node, yaml.SequenceNode):
            self.add(at, f"{at}: expected a list; write [first, second]")
            return _REFUSED
        items = []
        for number, item in enumerate(node.value):
            each = f"{at}.{number}" if is_dataclass(kind) else at
            self._lines.setdefault(each, item.start_mark.line + 1)
            items.append(self._value(kind, item, each))
        return _REFUSED if any(item is _REFUSED for item in items) else tuple(items)

    def _texts(self, node: yaml.Node, at: str) -> object:
        """Read a mapping of texts to texts."""
        if not isinstance(node, yaml.MappingNode):
            self.add(at, f"{at}: expected names and what they are; write {{theirs: ours}}")
            return _REFUSED
        found: dict[str, str] = {}
        for key_node, value_node in node.value:
            key, value = self._text(key_node, at), self._text(value_node, at)
            if key is None or value is None:
                return _REFUSED
            if key in found:
                self.add(at, f"{at}: {key!r} is written twice; keep one")
                return _REFUSED
            found[key] = value
        return found

    def _text(self, node: yaml.Node, at: str) -> str | None:
        try:
            return str(_scalar(str, node))
        except ValueError as error:
            self.add(at, f"{at}: {error}")
            return None

    def _either(self, kinds: tuple[Any, ...], node: yaml.Node, at: str) -> object:
        """Read `int | None` or `int | Literal["auto"]`: the words first, then the type proper."""
        if type(None) in kinds and node.tag == "tag:yaml.org,2002:null":
            return None
        words = [w for k in kinds if get_origin(k) is Literal for w in get_args(k)]
        if isinstance(node, yaml.ScalarNode) and node.value in words:
            return node.value
        proper = next(k for k in kinds if k is not type(None) and get_origin(k) is not Literal)
        return self._value(proper, node, at)


_REFUSED: Final = object()
_NAMES: Final = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _scalar(kind: Any, node: yaml.Node) -> object:  # noqa: ANN401 - any annotation
    if not isinstance(node, yaml.ScalarNode):
        raise ValueError("expected one value, got a list or keys; write it on one line")  # noqa: TRY004
    if kind is timedelta:
        return read_duration(node.value)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _choice(kind, node.value)
    try:
        value = yaml.SafeLoader("").construct_object(node)
    except yaml.YAMLError as error:
        raise ValueError(f"the tag {node.tag!r} is not taken; write a plain value") from error
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        mend = "put it in quotes" if kind is str else "correct the value"
        raise ValueError(f"expected {_NAMES[kind]}, got {node.value!r}; {mend}")
    return value


def _choice(kind: type[StrEnum], text: str) -> StrEnum:
    try:
        return kind(text)
    except ValueError:
        known = ", ".join(member.value for member in kind)
        raise ValueError(f"{text!r} is not one of {known}") from None


def _did_you_mean(key: str, known: dict[str, Setting]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; keys here are: {', '.join(known)}"
