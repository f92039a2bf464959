"""Promise: what only counts callers does not pass for a check of who they are."""

import pytest

from policies.application import Stack
from policies.evaluation import evaluate

AUTHORIZER = {"x-amazon-apigateway-authorizer": {"type": "jwt"}}
KEY = {"type": "apiKey", "name": "x-api-key", "in": "header"}
TOKENS = {"type": "oauth2", **AUTHORIZER}


def found(security):
    """Which rules a route of an API with these requirements offends."""
    body = {
        "openapi": "3.0.1",
        "components": {"securitySchemes": {"quota": KEY, "tokens": TOKENS}},
        "paths": {"/v2": {"get": {"responses": {}, "security": security}}},
    }
    api = {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": body}}
    stack = Stack(name="S", region="me-central-1", template={"Resources": {"Api": api}})
    return {finding.rule for finding in evaluate([stack]).findings}


@pytest.mark.parametrize(
    "security", [[], [{}], [{"quota": []}], [{"tokens": []}, {"quota": []}], [{"unknown": []}]]
)
def test_an_api_key_alone_lets_everyone_in(security):
    """Keys are no credentials, and one open way in is enough."""
    assert "exposure.open-route" in found(security)


@pytest.mark.parametrize("security", [[{"tokens": ["a"]}], [{"tokens": [], "quota": []}]])
def test_a_token_with_a_key_beside_it_is_asked_for(security):
    """Who it is, and how often."""
    assert "exposure.open-route" not in found(security)
