"""Promise: an API's body is understood, or refused by name; nothing is served that AWS guards."""

import pytest

from local_region.errors import OpenApiError, UnenforceableSecurityError
from local_region.gateway.messages import ApiKind
from local_region.gateway.openapi import read_definition

ARN = "arn:aws:lambda:me-central-1:000000000000:function:f:live"
URI = f"arn:aws:apigateway:me-central-1:lambda:path/2015-03-31/functions/{ARN}/invocations"
INTEGRATION = {
    "type": "aws_proxy",
    "httpMethod": "POST",
    "uri": URI,
    "payloadFormatVersion": "2.0",
}
OPERATION = {"x-amazon-apigateway-integration": INTEGRATION}
ANY = "x-amazon-apigateway-any-method"


def read(body, kind=ApiKind.HTTP, **settings):
    """Read a body as the API called Api."""
    return read_definition(kind, "Api", body, **settings)


def test_any_method_is_read():
    """`x-amazon-apigateway-any-method` is the route ANY."""
    (route,) = read({"paths": {"/a": {ANY: OPERATION}}}).table.routes

    assert (route.method, route.template, route.integration.function_arn) == ("ANY", "/a", ARN)


@pytest.mark.parametrize(
    "paths",
    [
        {"/$default": {ANY: {**OPERATION, "isDefaultRoute": True}}},
        {"$default": {ANY: OPERATION}},
    ],
)
def test_default_route_is_read(paths):
    """Both spellings of the catch-all are the `$default` route."""
    assert read({"paths": paths}).table.match("GET", "/x/y").route.key == "$default"


def test_shared_integration_is_followed():
    """An integration kept under `components` is the same integration."""
    body = {
        "components": {"x-amazon-apigateway-integrations": {"f": INTEGRATION}},
        "paths": {
            "/a": {
                "get": {
                    "x-amazon-apigateway-integration": {
                        "$ref": "#/components/x-amazon-apigateway-integrations/f"
                    }
                }
            }
        },
    }

    assert read(body).table.routes[0].integration.function_arn == ARN


def test_rest_api_waits_29_seconds():
    """Without a timeout of its own, a REST integration has AWS's."""
    route = read({"paths": {"/a": {"get": OPERATION}}}, ApiKind.REST).table.routes[0]

    assert (route.integration.timeout_ms, route.integration.payload_format) == (29_000, "1.0")


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        ({}, "no route has an integration"),
        ({"/a": {"get": {}}}, "has no x-amazon-apigateway-integration"),
        ({"/a/{p+}/b": {"get": OPERATION}}, "greedy path variable must be the last"),
        ({"/a-{p}": {"get": OPERATION}}, "must be a whole segment"),
        ({"/a": {"get": {"x-amazon-apigateway-request-validator": "x", **OPERATION}}}, "validator"),
        (
            {"/a": {"get": {"x-amazon-apigateway-integration": {**INTEGRATION, "type": "mock"}}}},
            "'mock' is not known here",
        ),
        (
            {
                "/a": {
                    "get": {"x-amazon-apigateway-integration": {**INTEGRATION, "uri": "http://x"}}
                }
            },
            "names no Lambda function",
        ),
        (
            {
                "/a": {
                    "get": {
                        "x-amazon-apigateway-integration": {
                            **INTEGRATION,
                            "timeoutInMillis": 30_001,
                        }
                    }
                }
            },
            "30001 is not within 50–30000",
        ),
        (
            {
                "/a": {
                    "get": {
                        "x-amazon-apigateway-integration": {
                            **INTEGRATION,
                            "payloadFormatVersion": "3.0",
                        }
                    }
                }
            },
            "3.0, not 1.0 or 2.0",
        ),
    ],
)
def test_body_that_is_not_understood_is_refused(paths, reason):
    """The sentence names the place and the reason."""
    with pytest.raises(OpenApiError, match=reason):
        read({"paths": paths})


def test_unknown_extension_of_the_root_is_refused():
    """An extension that would change serving is not skipped."""
    with pytest.raises(OpenApiError, match="minimum-compression-size is not known"):
        read({"x-amazon-apigateway-minimum-compression-size": 0, "paths": {}})


def test_rest_api_has_no_default_route():
    """`$default` belongs to HTTP APIs."""
    with pytest.raises(OpenApiError, match="REST API has no"):
        read({"paths": {"/$default": {ANY: OPERATION}}}, ApiKind.REST)


SCHEMES = {"securitySchemes": {"jwt": {"type": "oauth2"}}}


@pytest.mark.parametrize(
    "body",
    [
        {"components": SCHEMES, "security": [{"jwt": []}], "paths": {"/a": {"get": OPERATION}}},
        {
            "components": SCHEMES,
            "paths": {"/a": {"get": {**OPERATION, "security": [{"jwt": ["model:m:invoke"]}]}}},
        },
        {"paths": {"/a": {"get": {**OPERATION, "security": [{"nobody": []}]}}}},
        {"paths": {"/a": {"get": {**OPERATION, "x-amazon-apigateway-auth": {"type": "CUSTOM"}}}}},
    ],
)
def test_guarded_route_is_never_served_open(body):
    """What AWS would refuse is not answered here: the API is refused."""
    with pytest.raises(UnenforceableSecurityError, match="an open route would let through"):
        read(body)
