"""Promise: the route that AWS would choose answers."""

import pytest

from local_region.gateway.messages import ApiKind
from local_region.gateway.route import Integration, Route
from local_region.gateway.routing import RouteTable

BEHIND = Integration(
    function_arn="arn:aws:lambda:me-central-1:000000000000:function:f",
    payload_format="2.0",
    timeout_ms=1000,
    has_credentials=True,
)


def table(kind, *keys):
    """A table of routes by their keys."""
    routes = []
    for key in keys:
        method, _, template = key.rpartition(" ")
        routes.append(Route(method=method or "ANY", template=template, integration=BEHIND))
    return RouteTable(kind, routes)


HTTP_KEYS = (
    "GET /pets/dog/1",
    "GET /pets/dog/{id}",
    "GET /pets/{proxy+}",
    "ANY /{proxy+}",
    "POST /{kind}/dog",
    "ANY /models",
    "$default",
)


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("GET", "/pets/dog/1", "GET /pets/dog/1"),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}"),
        ("POST", "/test/5", "ANY /{proxy+}"),
        ("POST", "/pets/dog", "POST /{kind}/dog"),
        ("DELETE", "/models", "ANY /models"),
        ("GET", "/", "$default"),
    ],
)
def test_http_api_chooses_the_most_specific_route(method, path, key):
    """The table of AWS's routing page, and a full match before a greedy one."""
    assert table(ApiKind.HTTP, *HTTP_KEYS).match(method, path).route.key == key


def test_http_api_without_default_has_no_route():
    """Without `$default`, an unknown path is nobody's."""
    assert table(ApiKind.HTTP, "GET /a").match("POST", "/a") is None


def test_greedy_variable_needs_a_segment():
    """`/models/{proxy+}` does not answer `/models` or `/models/`."""
    routes = table(ApiKind.HTTP, "ANY /models/{proxy+}")

    assert [routes.match("GET", path) for path in ("/models", "/models/")] == [None, None]


def test_greedy_variable_holds_the_rest():
    """The function learns the whole remainder."""
    match = table(ApiKind.HTTP, "ANY /v2/models/m/{proxy+}").match(
        "POST", "/v2/models/m/versions/3/infer"
    )

    assert match.parameters == {"proxy": "versions/3/infer"}


def test_several_variables_keep_their_names():
    """Each segment lands under its own name."""
    match = table(ApiKind.HTTP, "GET /a/{x}/b/{y}").match("GET", "/a/1/b/2")

    assert match.parameters == {"x": "1", "y": "2"}


def test_rest_api_chooses_the_resource_before_the_method():
    """A resource without the method is refused, even where a greedy one would take it."""
    routes = table(ApiKind.REST, "GET /a/b", "ANY /a/{proxy+}")

    assert routes.match("POST", "/a/b") is None


def test_rest_api_ignores_a_slash_at_the_end():
    """`/a/b/` is `/a/b`."""
    assert table(ApiKind.REST, "GET /a/b").match("GET", "/a/b/").route.key == "GET /a/b"


def test_rest_api_decodes_path_variables():
    """The path stays as sent; its variables are decoded."""
    match = table(ApiKind.REST, "GET /files/{name}").match("GET", "/files/a%20b")

    assert match.parameters == {"name": "a b"}


def test_rest_api_serves_its_root():
    """The resource `/` is a resource."""
    assert table(ApiKind.REST, "GET /").match("GET", "/").route.key == "GET /"
