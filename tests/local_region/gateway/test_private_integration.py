"""Promise: what a load balancer gets is the request, and of the caller only what the API knows."""

from datetime import UTC, datetime

import pytest

from local_region.gateway.arrival import Admission, Arrival
from local_region.gateway.forwarding import forwarded
from local_region.gateway.messages import ApiKind, Request
from local_region.gateway.openapi import read_definition
from local_region.gateway.private_integration import read_private
from local_region.gateway.registry import Addressed, Api, Stage
from local_region.gateway.route import Match

LISTENER = "arn:aws:elasticloadbalancing:me-central-1:000000000000:listener/app/f/1/2"
BALANCER = "arn:aws:elasticloadbalancing:me-central-1:000000000000:loadbalancer/app/f/1"
LINK = {
    "type": "http_proxy",
    "connectionType": "VPC_LINK",
    "connectionId": "l",
    "httpMethod": "ANY",
}
HTTP = LINK | {
    "uri": LISTENER,
    "payloadFormatVersion": "1.0",
    "requestParameters": {"overwrite:header.x-falaj-tenant": "$context.authorizer.claims.tenant"},
}
REST = LINK | {
    "integrationTarget": BALANCER,
    "uri": "http://localhost/v2/models/m/{proxy}",
    "requestParameters": {
        "integration.request.header.x-falaj-tenant": "context.authorizer.tenant",
        "integration.request.path.proxy": "method.request.path.proxy",
    },
}
FORGED = (("host", "api"), ("x-falaj-tenant", "forged"), ("x-falaj-tenant", "twice"))


def sent(kind, integration, authorizer=None):
    """What goes to the balancer for a caller who names a tenant."""
    body = {"paths": {"/v2/models/m/{proxy+}": {"post": {
        "x-amazon-apigateway-integration": integration}}}}  # fmt: skip
    definition = read_definition(kind, "api", body)
    (route,) = definition.table.routes
    stage = Stage(name="$default", deployment_id=None)
    path = "/v2/models/m/infer"
    request = Request(
        method="POST", path=path, query="q=1", headers=FORGED, body=b"x", source_ip="1.2.3.4"
    )
    arrival = Arrival(
        request=request,
        addressed=Addressed(
            api=Api(id="a", definition=definition),
            stage=stage,
            definition=definition,
            path=path,
            is_mapped=True,
        ),
        match=Match(route=route, parameters={"proxy": "infer"}),
        request_id="r",
        extended_id="e",
        account="0",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        admission=Admission(authorizer=authorizer),
    )
    return forwarded(arrival, route.integration.private)


def tenants(request):
    """What the service reads."""
    return list(request.header_values("x-falaj-tenant"))


@pytest.mark.parametrize(("kind", "integration"), [(ApiKind.HTTP, HTTP), (ApiKind.REST, REST)])
def test_a_caller_cannot_name_its_tenant(kind, integration):
    """Where the API knows nobody, the header is gone; it is never the caller's."""
    assert tenants(sent(kind, integration)) == []


def test_the_tenant_comes_from_the_token():
    """A claim of the token, or what the authorizer found, and nothing beside it."""
    claims = {"jwt": {"claims": {"tenant": "mine"}, "scopes": []}}
    assert tenants(sent(ApiKind.HTTP, HTTP, claims)) == ["mine"]
    assert tenants(sent(ApiKind.REST, REST, {"tenant": "mine", "principalId": "p"})) == ["mine"]


def test_paths_queries_and_bodies_pass():
    """An HTTP API sends the request's own path, a REST API that of its uri."""
    for kind, integration, host in ((ApiKind.HTTP, HTTP, "api"), (ApiKind.REST, REST, "localhost")):
        request = sent(kind, integration)
        assert (request.path, request.query, request.body, request.header("host")) == (
            "/v2/models/m/infer",
            "q=1",
            b"x",
            host,
        )


@pytest.mark.parametrize(
    "integration",
    [
        HTTP | {"connectionType": "INTERNET"},
        HTTP | {"uri": "https://example.com"},
        HTTP | {"requestParameters": {"append:querystring.a": "b"}},
    ],
)
def test_other_proxies_are_refused(integration):
    """Nothing here reaches the internet, and no mapping is passed over in silence."""
    with pytest.raises(ValueError, match=r"VPC_LINK|listener|parameter"):
        read_private(ApiKind.HTTP, integration)


def test_the_account_that_has_signed_is_handed_on():
    """With IAM the tenant is the account, whatever kind of API has checked the signature."""
    mapped = {"overwrite:header.x-falaj-tenant": "$context.identity.accountId"}
    http = HTTP | {"requestParameters": mapped}
    signed = {"iam": {"accountId": "123456789012", "userArn": "arn:aws:iam::123456789012:role/x"}}

    assert tenants(sent(ApiKind.HTTP, http, signed)) == ["123456789012"]


@pytest.mark.parametrize(
    "tenant", ["acme\r\nx-falaj-subject: root", "a\0", "a\r\n\r\nGET / HTTP/1.1"]
)
def test_no_claim_begins_a_header_of_its_own(tenant):
    """Nor a second request on a connection that others use, too."""
    request = sent(ApiKind.HTTP, HTTP, {"jwt": {"claims": {"tenant": tenant}}})

    assert list(request.header_values("x-falaj-tenant")) == []
