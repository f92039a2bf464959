"""What an intrinsic function means; one it does not know is an error, never a silent skip.

Source:
    docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html and
    …/dynamic-references.html, read 2026-11-22.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

NO_VALUE: Final = object()
"""What `AWS::NoValue` stands for: the property is not there."""

_PLACEHOLDER: Final = re.compile(r"\$\{(!?)([^}]*)\}")
_DYNAMIC: Final = re.compile(r"\{\{resolve:([a-z-]+):([^}]+)\}\}")


class UnresolvableError(Exception):
    """An expression has no value; the message says why. Callers add where it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Physical:
    """A resource that exists: what `Ref` gives, and what `Fn::GetAtt` gives by attribute."""

    ref: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What names mean inside one stack.

    Attributes:
        parameter: The value of a template parameter; KeyError if there is none of that name.
        resources: What has been created so far, by logical id.
        pseudo: `AWS::Region` and its like.
        ssm: The value of an SSM parameter; KeyError if it does not exist.
        conditions: The template's `Conditions`.
    """

    parameter: Callable[[str], Any]
    resources: Mapping[str, Physical]
    pseudo: Mapping[str, Any]
    ssm: Callable[[str], str]
    conditions: Mapping[str, Any]


def resolve(value: Any, scope: Scope) -> Any:  # noqa: ANN401 - a JSON value
    """Return the value with every intrinsic and dynamic reference replaced.

    Raises:
        UnresolvableError: A function is unknown, or names what does not exist.
    """
    if isinstance(value, str):
        return _dynamic(value, scope)
    if isinstance(value, list):
        items = (resolve(item, scope) for item in value)
        return [item for item in items if item is not NO_VALUE]
    if not isinstance(value, dict):
        return value
    if is_intrinsic(value):
        ((name, argument),) = value.items()
        function = INTRINSICS.get(name)
        if function is None:
            raise UnresolvableError(f"the intrinsic function {name} is not known here")
        return function(argument, scope)
    pairs = ((key, resolve(item, scope)) for key, item in value.items())
    return {key: item for key, item in pairs if item is not NO_VALUE}


def is_intrinsic(value: Mapping[str, Any]) -> bool:
    """Whether an object is a function call rather than data."""
    if len(value) != 1:
        return False
    (name,) = value
    return name == "Ref" or name.startswith("Fn::")


def condition_holds(name: str, scope: Scope) -> bool:
    """Say whether a named condition of the template is true.

    Raises:
        UnresolvableError: There is none of that name, or it cannot be computed.
    """
    if name not in scope.conditions:
        raise UnresolvableError(f"there is no condition {name!r}")
    return _truth(scope.conditions[name], scope)


def _dynamic(text: str, scope: Scope) -> str:
    def value(match: re.Match[str]) -> str:
        service, name = match.group(1), match.group(2)
        if service != "ssm":
            raise UnresolvableError(f"the dynamic reference {match.group(0)} is not known here")
        return _ssm(name, scope)

    return _DYNAMIC.sub(value, text) if "{{resolve:" in text else text


def _ssm(name: str, scope: Scope) -> str:
    try:
        return scope.ssm(name)
    except KeyError as error:
        raise UnresolvableError(f"there is no SSM parameter {name!r}") from error


def _ref(name: str, scope: Scope) -> Any:  # noqa: ANN401
    if name in scope.pseudo:
        return scope.pseudo[name]
    if name in scope.resources:
        return scope.resources[name].ref
    try:
        return scope.parameter(name)
    except KeyError as error:
        raise UnresolvableError(f"Ref names {name!r}, which is nothing in this stack") from error


def _get_att(argument: str | list[Any], scope: Scope) -> Any:  # noqa: ANN401 - a list, too
    name, _, attribute = argument.partition(".") if isinstance(argument, str) else _pair(argument)
    if name not in scope.resources:
        raise UnresolvableError(f"Fn::GetAtt names {name!r}, which is nothing in this stack")
    attribute = resolve(attribute, scope)
    attributes = scope.resources[name].attributes
    if attribute not in attributes:
        known = ", ".join(sorted(attributes)) or "none"
        raise UnresolvableError(f"{name} has no attribute {attribute!r} here (known: {known})")
    return attributes[attribute]


def _pair(argument: list[Any]) -> tuple[str, str, Any]:
    name, *rest = argument
    return name, ".", rest[0] if len(rest) == 1 else ".".join(rest)


def _join(argument: list[Any], scope: Scope) -> str:
    separator, parts = argument
    values = resolve(parts, scope)
    if not isinstance(values, list):
        raise UnresolvableError("Fn::Join needs a list")
    return str(separator).join(_text(value) for value in values)


def _select(argument: list[Any], scope: Scope) -> Any:  # noqa: ANN401
    index, values = (resolve(part, scope) for part in argument)
    if not isinstance(values, list) or not 0 <= int(index) < len(values):
        raise UnresolvableError(f"Fn::Select finds no item {index}")
    return values[int(index)]


def _split(argument: list[Any], scope: Scope) -> list[str]:
    separator, text = (resolve(part, scope) for part in argument)
    return str(text).split(separator)


def _sub(argument: str | list[Any], scope: Scope) -> str:
    text, given = (argument, {}) if isinstance(argument, str) else argument
    values = resolve(given, scope)

    def value(match: re.Match[str]) -> str:
        literal, name = match.groups()
        if literal:
            return f"${{{name}}}"
        if name in values:
            return _text(values[name])
        return _text(_get_att(name, scope) if "." in name else _ref(name, scope))

    return _dynamic(_PLACEHOLDER.sub(value, text), scope)


def _if(argument: list[Any], scope: Scope) -> Any:  # noqa: ANN401
    condition, when_true, when_false = argument
    return resolve(when_true if condition_holds(condition, scope) else when_false, scope)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise UnresolvableError(f"{type(value).__name__} cannot be part of a string")


def _truth(value: Mapping[str, Any], scope: Scope) -> bool:
    ((name, argument),) = value.items()
    match name:
        case "Condition":
            return condition_holds(argument, scope)
        case "Fn::Equals":
            left, right = (resolve(side, scope) for side in argument)
            return bool(left == right)
        case "Fn::Not":
            return not _truth(argument[0], scope)
        case "Fn::And":
            return all(_truth(part, scope) for part in argument)
        case "Fn::Or":
            return any(_truth(part, scope) for part in argument)
        case _:
            raise UnresolvableError(f"the condition function {name} is not known here")


def _base64(argument: Any, scope: Scope) -> str:  # noqa: ANN401 - a CloudFormation value
    return b64encode(str(resolve(argument, scope)).encode()).decode()


INTRINSICS: Final[dict[str, Callable[[Any, Scope], Any]]] = {
    "Fn::Base64": _base64,
    "Ref": _ref,
    "Fn::GetAtt": _get_att,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
    "Fn::If": _if,
}
