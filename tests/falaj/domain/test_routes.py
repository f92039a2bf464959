"""The table of routes is the protocol's, and each route is answered by whom it names."""

from collections import Counter

import pytest

from falaj.domain.routes import ROUTES, Server
from falaj.http.routes import target_of

PREDICT = [route for route in ROUTES if route.server is Server.PREDICT]


def test_operations_have_names_of_their_own():
    """Generated clients have one method per operation."""
    assert max(Counter(route.operation for route in ROUTES).values()) == 1


@pytest.mark.parametrize("route", PREDICT, ids=lambda r: f"{r.method} {r.path}")
def test_model_functions_know_their_routes(route):
    """Every route that a model's function is said to answer, it answers."""
    path = route.path.replace("{model}", "tashkeel").replace("{version}", "3")

    target = target_of(route.method, path)

    assert (target.model, target.version) == ("tashkeel", "3" if route.of_version else "")


@pytest.mark.parametrize("route", PREDICT, ids=lambda r: f"{r.method} {r.path}")
def test_model_routes_need_a_scope_of_their_model(route):
    """A token for one model opens no other."""
    assert route.scope.startswith("model:{model}:")
