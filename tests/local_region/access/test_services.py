"""Promise: a container service lets in who may, exactly, by the API and by gRPC, in both profiles.

The real templates, load balancer rules and containers: one that the API leads to directly, and one
behind its breaker. gRPC goes past the API, to the balancer.
"""

import json
from collections import Counter

import numpy as np
import pytest
from tritonclient import grpc as triton
from tritonclient.utils import InferenceServerException

from falaj.contract import QUOTA_TABLE_PARAMETER, TABLE_KEY
from falaj.domain.routes import ROUTES, Server
from tests.local_region.access.callers import OK, Minting

INFER = json.dumps(
    {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, -1, 2, -2]}]}
).encode()
SERVED = [route for route in ROUTES if route.server is Server.PREDICT]
CODES = {401: "StatusCode.UNAUTHENTICATED", 403: "StatusCode.PERMISSION_DENIED", OK: "OK"}
CALLERS = {model: Minting(model).callers() for model in ("vision", "speech")}
METHODS = {
    "ModelInfer": lambda c, m, **h: c.infer(m, row(), **h),
    "ModelMetadata": lambda c, m, **h: c.get_model_metadata(m, **h),
    "ModelReady": lambda c, m, **h: c.is_model_ready(m, **h),
    "ModelConfig": lambda c, m, **h: c.get_model_config(m, **h),
    "ModelStatistics": lambda c, m, **h: c.get_inference_statistics(m, **h),
    "ServerMetadata": lambda c, _, **h: c.get_server_metadata(**h),
    "RepositoryIndex": lambda c, _, **h: c.get_model_repository_index(**h),
}
OF_NO_MODEL = {"ServerMetadata", "RepositoryIndex"}
BURST = 3


@pytest.fixture(scope="module", params=["smb", "enterprise"])
def region(request, guarded):
    """Each profile, asking for tokens."""
    return guarded(request.param, "jwt")


def row():
    """One row as tritonclient sends it."""
    given = triton.InferInput("x", [1, 4], "FP32")
    given.set_data_from_numpy(np.ones((1, 4), dtype=np.float32))
    return [given]


def asked(region, route, model, token):
    """Ask a route of a model; return status and headers."""
    path = route.path.replace("{model}", model).replace("{version}", "1")
    headers = {"content-type": "application/json"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    body = INFER if route.method == "POST" else None
    return region.request(path, method=route.method, headers=headers, body=body)


def called(region, method, model, token, **metadata):
    """Call a method at a model's own address; return its status."""
    address = dict(region.region.ready().grpc)[f"{model}.local"]
    headers = metadata | ({} if token is None else {"authorization": f"Bearer {token}"})
    with triton.InferenceServerClient(address) as client:
        try:
            METHODS[method](client, model, headers=headers)
        except InferenceServerException as error:
            return str(error.status())
    return "OK"


@pytest.mark.parametrize("caller", CALLERS["vision"])
def test_each_caller_gets_exactly_what_is_due_on_every_route(caller, region, issuer):
    """Through the VPC link, with no function between."""
    make, due = CALLERS["vision"][caller]
    token = make(issuer)
    got = {route.operation: asked(region, route, "vision", token)[0] for route in SERVED}

    assert set(got.values()) == {due}, got


@pytest.mark.parametrize("caller", CALLERS["speech"])
def test_each_caller_gets_exactly_what_is_due_behind_a_breaker(caller, guarded, issuer):
    """The function before the service decides, and the service again."""
    make, due = CALLERS["speech"][caller]
    region, token = guarded("smb", "jwt"), make(issuer)
    got = {route.operation: asked(region, route, "speech", token)[0] for route in SERVED}

    assert set(got.values()) == {due}, got


@pytest.mark.parametrize("caller", CALLERS["vision"])
def test_each_caller_gets_exactly_what_is_due_by_grpc(caller, region, issuer):
    """No API stands before it: the container looks at the token in the call's metadata."""
    make, due = CALLERS["vision"][caller]
    token = make(issuer)
    got = {method: called(region, method, "vision", token) for method in METHODS}

    # Another tenant's token is as good as any for what belongs to no tenant.
    others = OF_NO_MODEL if caller == "other tenant" else set()
    assert got == {m: CODES[OK if m in others else due] for m in METHODS}


def test_a_token_of_one_service_opens_no_other(region, issuer):
    """Neither over the API nor over gRPC."""
    token = Minting("speech")(issuer)

    assert {asked(region, route, "vision", token)[0] for route in SERVED} == {403}
    assert called(region, "ModelInfer", "vision", token) == CODES[403]


def test_reading_is_no_key_to_inference(region, issuer):
    """Each action's own scope counts, which an HTTP API alone could not tell apart."""
    token = Minting("vision")(issuer, scopes=["model:vision:read"])
    got = {route.operation: asked(region, route, "vision", token)[0] for route in SERVED}

    assert (got.pop("infer"), got.pop("inferVersion")) == (403, 403)
    assert set(got.values()) == {200}
    assert called(region, "ModelInfer", "vision", token) == CODES[403]
    assert called(region, "ModelMetadata", "vision", token) == "OK"


@pytest.mark.parametrize("name", ["x-falaj-tenant", "x-amzn-mtls-clientcert-subject"])
def test_a_tenant_that_a_caller_writes_opens_nothing(name, region, issuer):
    """Only the token says whose request it is."""
    token = Minting("vision")(issuer, tenant="globex")
    told = "CN=acme" if name.startswith("x-amzn") else "acme"
    status, _, _ = region.request(
        "/v2/models/vision/infer",
        body=INFER,
        headers={
            "content-type": "application/json",
            "authorization": f"Bearer {token}",
            name: told,
        },
    )

    assert status == 403
    assert called(region, "ModelInfer", "vision", token, **{name: told}) == CODES[403]


def test_no_rule_leads_to_what_only_the_balancer_may_ask(region):
    """Health is told without a token, and no listener passes that on."""
    address = dict(region.region.ready().grpc)["vision.local"]
    with (
        triton.InferenceServerClient(address) as client,
        pytest.raises(InferenceServerException) as refused,
    ):
        client.is_server_live()
    assert str(refused.value.status()) == CODES[401]


def test_surplus_is_refused_with_429_and_the_other_tenant_loses_nothing(region, issuer):
    """Behind an HTTP API the container counts, before a REST API the usage plan does."""
    minted, infer = Minting("vision"), next(r for r in SERVED if r.operation == "infer")
    hasty, acme, refused = Counter(), Counter(), []
    for _ in range(4 * BURST):
        status, headers, body = asked(region, infer, "vision", minted(issuer, tenant="hasty"))
        hasty[status] += 1
        if status == 429:
            refused.append(({name.lower(): v for name, v in headers.items()}, json.loads(body)))
        acme[asked(region, infer, "vision", minted(issuer))[0]] += 1

    assert acme == {200: 4 * BURST}
    assert hasty[429] >= 1
    assert set(hasty) <= {200, 429}
    assert {int(headers["retry-after"]) >= 1 for headers, _ in refused} == {True}
    assert {frozenset(body) for _, body in refused} == {frozenset(("error", "code", "request_id"))}


def test_surplus_over_grpc_has_to_wait(region, issuer):
    """In both profiles: no usage plan stands before gRPC."""
    token = Minting("vision")(issuer, tenant="hasty", jti="grpc")
    got = Counter(called(region, "ModelInfer", "vision", token) for _ in range(4 * BURST))

    assert got["StatusCode.RESOURCE_EXHAUSTED"] >= 1
    assert set(got) <= {"OK", "StatusCode.RESOURCE_EXHAUSTED"}


def test_replicas_count_in_the_table_that_all_share(region, issuer):
    """Not each by itself: the tenant's bucket stands where functions find it, too."""
    called(region, "ModelInfer", "vision", Minting("vision")(issuer, tenant="hasty", jti="table"))
    aws = region.region.backends
    name = aws.client("ssm").get_parameter(Name=QUOTA_TABLE_PARAMETER)["Parameter"]["Value"]
    item = aws.client("dynamodb").get_item(
        TableName=name, Key={TABLE_KEY: {"S": "TENANT#hasty"}}, ConsistentRead=True
    )["Item"]

    assert int(item["due"]["N"]) > 0
