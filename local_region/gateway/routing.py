"""Which route answers a request.

HTTP APIs choose the most specific route that takes the method: a full match before a greedy path
variable before `$default`. REST APIs choose the resource first, and then its method.

Source:
    docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html ("Routing API
    requests"), read 2026-11-22.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self
from urllib.parse import unquote

from local_region.gateway.messages import ApiKind
from local_region.gateway.route import ANY, DEFAULT_ROUTE, Match, Route


@dataclass(slots=True)
class _Node:
    """One path segment."""

    static: dict[str, Self] = field(default_factory=dict)
    variable: dict[str, Self] = field(default_factory=dict)
    greedy: dict[str, Self] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)

    def route(self, method: str) -> Route | None:
        return self.routes.get(method) or self.routes.get(ANY)


class RouteTable:
    """The routes of one API, by segment."""

    def __init__(self, kind: ApiKind, routes: Iterable[Route]) -> None:
        self.kind = kind
        self.routes = tuple(routes)
        self._root = _Node()
        self._default: Route | None = None
        for route in self.routes:
            if route.template == DEFAULT_ROUTE:
                self._default = route
            else:
                self._node(route.template).routes[route.method] = route
        # Most requests are for a few paths; whoever asks for others cannot fill the memory.
        self.match = lru_cache(maxsize=256)(self._match)

    def _node(self, template: str) -> _Node:
        node = self._root
        for segment in _segments(template):
            if segment.startswith("{") and segment.endswith("+}"):
                children, name = node.greedy, segment[1:-2]
            elif segment.startswith("{") and segment.endswith("}"):
                children, name = node.variable, segment[1:-1]
            else:
                children, name = node.static, segment
            node = children.setdefault(name, _Node())
        return node

    def _match(self, method: str, path: str) -> Match | None:
        """Return the route for a path below the stage; None if no route answers.

        Args:
            method: Upper case.
            path: Percent-encoded for a REST API, decoded for an HTTP API.
        """
        if self.kind is ApiKind.REST:
            return self._match_resource(method, path)
        segments = _segments(path)
        found = _search(self._root, segments, 0, method, use_greedy=False) or _search(
            self._root, segments, 0, method, use_greedy=True
        )
        if found is None and self._default is not None:
            return Match(route=self._default, parameters={})
        return found

    def _match_resource(self, method: str, path: str) -> Match | None:
        segments = _segments(path.rstrip("/"))
        found = _search(self._root, segments, 0, None, use_greedy=True)
        if found is None:
            return None
        node = self._node(found.route.template)
        route = node.route(method)
        if route is None:
            return None
        decoded = {name: unquote(value) for name, value in found.parameters.items()}
        return Match(route=route, parameters=decoded)


def _segments(path: str) -> list[str]:
    return path.removeprefix("/").split("/") if path.strip("/") or len(path) > 1 else []


def _search(
    node: _Node, segments: list[str], at: int, method: str | None, *, use_greedy: bool
) -> Match | None:
    """Depth first, static segments before variables before greedy ones."""
    if at == len(segments):
        route = next(iter(node.routes.values()), None) if method is None else node.route(method)
        return None if route is None else Match(route=route, parameters={})
    segment = segments[at]
    child = node.static.get(segment)
    if child is not None and (
        found := _search(child, segments, at + 1, method, use_greedy=use_greedy)
    ):
        return found
    if segment:
        for name, child in node.variable.items():
            if found := _search(child, segments, at + 1, method, use_greedy=use_greedy):
                return Match(route=found.route, parameters={name: segment, **found.parameters})
    return _greedy(node, segments, at, method) if use_greedy else None


def _greedy(node: _Node, segments: list[str], at: int, method: str | None) -> Match | None:
    rest = "/".join(segments[at:])
    for name, child in node.greedy.items():
        route = next(iter(child.routes.values()), None) if method is None else child.route(method)
        if route is not None and rest:
            return Match(route=route, parameters={name: rest})
    return None
