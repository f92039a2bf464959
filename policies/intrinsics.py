"""What intrinsic functions can be seen to say before anything is deployed.

A value that only deployment knows stays in the text as a placeholder, `${Bucket.Arn}`. Whatever
cannot be looked into is noted, so that a rule can refuse it instead of passing over it.

Source:
    docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
    and …/pseudo-parameter-reference.html, read 2026-11-22.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from falaj.contract import REGION

ABSENT: Final = object()
_PLACEHOLDER: Final = re.compile(r"\$\{(!?)([^}]*)\}")
_SSM_TYPE: Final = "AWS::SSM::Parameter::Value"


@dataclass(slots=True)
class World:
    """What names mean in one template, with each condition taken one way.

    Attributes:
        template: The template.
        conditions: Which way each condition is taken.
        account: The stack's account; None while only the credentials know.
        opaque: What could not be looked into, added to while resolving.
    """

    template: Mapping[str, Any]
    conditions: Mapping[str, bool] = field(default_factory=dict)
    account: str | None = None
    opaque: list[str] = field(default_factory=list)

    def name(self, name: str) -> Any:  # noqa: ANN401 - a JSON value
        """Return what `Ref` gives, as far as it is known."""
        pseudo = {
            "AWS::Region": REGION,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": ABSENT,
        }
        if name in pseudo:
            return pseudo[name]
        if name == "AWS::AccountId" and self.account:
            return self.account
        parameter = self.template.get("Parameters", {}).get(name)
        if parameter and not str(parameter.get("Type", "")).startswith(_SSM_TYPE):
            return parameter.get("Default", f"${{{name}}}")
        return f"${{{name}}}"

    def resolve(self, value: object) -> Any:  # noqa: ANN401 - a JSON value
        """Return a value with every intrinsic replaced as far as it is known."""
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, list):
            resolved = (self.resolve(item) for item in value)
            return [item for item in resolved if item is not ABSENT]
        return value

    def _object(self, value: dict[str, Any]) -> Any:  # noqa: ANN401
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return self.name(str(argument))
            if name.startswith("Fn::"):
                return self._call(name, argument)
        pairs = ((key, self.resolve(item)) for key, item in value.items())
        return {key: item for key, item in pairs if item is not ABSENT}

    def _call(self, name: str, argument: object) -> Any:  # noqa: ANN401
        function = FUNCTIONS.get(name)
        if function is not None:
            try:
                return function(self, argument)
            except (TypeError, ValueError, KeyError, IndexError, AttributeError):
                pass
        self.opaque.append(name)
        return f"${{{name}}}"


def substituted(properties: Mapping[str, Any]) -> str:
    """Return a state machine's definition with what CloudFormation puts into it.

    Source: docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
        aws-resource-stepfunctions-statemachine.html (DefinitionSubstitutions).
    """
    definition = properties.get("DefinitionString") or json.dumps(properties.get("Definition"))
    given = properties.get("DefinitionSubstitutions")
    for name, value in given.items() if isinstance(given, dict) else ():
        definition = str(definition).replace(f"${{{name}}}", _text(value))
    return str(definition)


def _get_att(world: World, argument: Any) -> str:  # noqa: ANN401 - a JSON value
    del world
    return f"${{{argument if isinstance(argument, str) else '.'.join(map(str, argument))}}}"


def _join(world: World, argument: Any) -> str:  # noqa: ANN401
    separator, parts = argument
    resolved = world.resolve(parts)
    return str(separator).join(map(_text, resolved if isinstance(resolved, list) else [resolved]))


def _sub(world: World, argument: Any) -> str:  # noqa: ANN401
    text, given = (argument, {}) if isinstance(argument, str) else argument
    names = world.resolve(given)

    def replace(match: re.Match[str]) -> str:
        is_literal, name = match.groups()
        if is_literal:
            return f"${{{name}}}"
        return _text(names[name] if name in names else world.name(name))

    return _PLACEHOLDER.sub(replace, text)


def _select(world: World, argument: Any) -> Any:  # noqa: ANN401
    index, values = (world.resolve(part) for part in argument)
    return values[int(index)] if isinstance(values, list) else f"${{{values}[{index}]}}"


def _split(world: World, argument: Any) -> list[str] | str:  # noqa: ANN401
    separator, text = (world.resolve(part) for part in argument)
    is_known = separator in str(text) or "${" not in str(text)
    return str(text).split(separator) if is_known else str(text)


def _if(world: World, argument: Any) -> Any:  # noqa: ANN401
    condition, when_true, when_false = argument
    return world.resolve(when_true if world.conditions.get(condition, True) else when_false)


def _find_in_map(world: World, argument: Any) -> Any:  # noqa: ANN401
    name, first, second = (world.resolve(part) for part in argument[:3])
    return world.template["Mappings"][name][first][second]


def _base64(world: World, argument: Any) -> str:  # noqa: ANN401
    """Leave the text in clear, so that it can be looked into."""
    return _text(world.resolve(argument))


def _elsewhere(label: str) -> Callable[[World, Any], str]:
    def stand_in(world: World, argument: Any) -> str:  # noqa: ANN401
        return f"${{{label}:{_text(world.resolve(argument))}}}"

    return stand_in


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


FUNCTIONS: Final[dict[str, Callable[[World, Any], Any]]] = {
    "Fn::Base64": _base64,
    "Fn::Cidr": _elsewhere("Cidr"),
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _elsewhere("Zones"),
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::ImportValue": _elsewhere("Import"),
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
}
