"""Which way a template's conditions fall, where that is known before anything is deployed.

A stack goes to one region only, so that `Fn::Equals` of `AWS::Region` and a name is no question.
A parameter is one, whatever its default: whoever deploys may say otherwise.

Source: docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
    intrinsic-function-reference-conditions.html, read 2026-11-22.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from falaj.contract import REGION

_KNOWN: Final = {"AWS::Region": REGION, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com"}


def asked(template: Mapping[str, Any]) -> set[str]:
    """Return the conditions that any `Fn::If` or any resource asks about."""
    resources = template.get("Resources") or {}
    bodies = [body for body in resources.values() if isinstance(body, dict)]
    found = {str(body["Condition"]) for body in bodies if "Condition" in body}
    left: list[object] = [template]
    while left:
        here = left.pop()
        if isinstance(here, list):
            left += here
        elif isinstance(here, dict):
            left += here.values()
            match here:
                case {"Fn::If": [str(name), *_]} if len(here) == 1:
                    found.add(name)
    return found


def settled(template: Mapping[str, Any]) -> dict[str, bool]:
    """Return the conditions that can fall one way only.

    Example:
        >>> settled({"Conditions": {"Abroad": {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu"]}}})
        {'Abroad': False}
    """
    written = template.get("Conditions") or {}
    ways = {name: _way(body, written, ()) for name, body in written.items()}
    return {name: way for name, way in ways.items() if way is not None}


def open_conditions(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return the conditions that only deployment decides, as they are written."""
    known = settled(template)
    written = template.get("Conditions") or {}
    return {name: body for name, body in written.items() if name not in known}


def _way(body: object, written: Mapping[str, Any], above: tuple[str, ...]) -> bool | None:
    match body:
        case {"Condition": str(name)} if name in written and name not in above:
            return _way(written[name], written, (*above, name))
        case {"Fn::Not": [inner]}:
            way = _way(inner, written, above)
            return None if way is None else not way
        case {"Fn::And": [*parts]}:
            return _all([_way(part, written, above) for part in parts])
        case {"Fn::Or": [*parts]}:
            ways = [_way(part, written, above) for part in parts]
            way = _all([None if each is None else not each for each in ways])
            return None if way is None else not way
        case {"Fn::Equals": [one, other]}:
            texts = _text(one), _text(other)
            return None if None in texts else texts[0] == texts[1]
        case _:
            return None


def _all(ways: Sequence[bool | None]) -> bool | None:
    """Whether all hold; None where what is unknown would decide."""
    if False in ways:
        return False
    return None if None in ways else True


def _text(value: object) -> str | None:
    match value:
        case str(text):
            return text
        case {"Ref": str(name)}:
            return _KNOWN.get(name)
        case _:
            return None
