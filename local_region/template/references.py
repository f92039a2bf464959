"""Which resources a resource needs, and the order that follows."""

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from local_region.template.intrinsics import UnresolvableError, is_intrinsic

_PLACEHOLDER: Final = re.compile(r"\$\{([^!}.]+)[^}]*\}")


def names_in(value: Any) -> Iterator[str]:  # noqa: ANN401 - a JSON value
    """Yield every name that `Ref`, `Fn::GetAtt` or `Fn::Sub` mentions, resources and others.

    Example:
        >>> list(names_in({"Fn::Sub": "${Bucket.Arn}/${AWS::Region}/*"}))
        ['Bucket', 'AWS::Region']
    """
    if isinstance(value, list):
        for item in value:
            yield from names_in(item)
    elif isinstance(value, dict):
        if is_intrinsic(value):
            yield from _mentioned(value)
        for item in value.values():
            yield from names_in(item)


def _mentioned(value: Mapping[str, Any]) -> Iterator[str]:
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::GetAtt": str(name)}:
            yield name.partition(".")[0]
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), *_]}:
            yield from (match.group(1) for match in _PLACEHOLDER.finditer(text))
        case _:
            pass


def creation_order(resources: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Order logical ids so that each comes after what it refers to or depends on.

    Raises:
        UnresolvableError: Resources refer to each other in a circle.
    """
    graph = {
        logical_id: sorted(
            {
                name
                for name in (*names_in(body.get("Properties", {})), *_depends_on(body))
                if name in resources
            }
        )
        for logical_id, body in resources.items()
    }
    try:
        return tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise UnresolvableError(f"resources refer to each other in a circle: {circle}") from error


def _depends_on(body: Mapping[str, Any]) -> list[str]:
    names = body.get("DependsOn", [])
    return [names] if isinstance(names, str) else list(names)
