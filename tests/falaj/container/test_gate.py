"""Promise: a container lets in who may, by REST and by gRPC, whoever stands before it.

The container's own process, real tokens, and keys, limits and counts in AWS as it is called (moto).
"""

import json
import queue
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import boto3
import jwt
import numpy as np
import pytest
from moto.server import ThreadedMotoServer
from tritonclient import grpc as triton
from tritonclient.utils import InferenceServerException

from falaj.contract import KEYS_PARAMETER, QUOTAS_PARAMETER, TABLE_KEY
from falaj.domain.clock import SystemClock
from local_region.issuer import AUDIENCE, ISSUER, KID, LocalIssuer
from tests.falaj.container.conftest import running

CLOCK = SystemClock()
SCOPES = ("model:rows:invoke",)
REGION = "me-central-1"
ACCESS = {
    "mode": "jwt",
    "models": [
        {"model": "rows", "invoke": ["model:rows:invoke"], "tenants": ["acme", "slow", "narrow"]},
        {"model": "slow", "invoke": ["model:slow:invoke"]},
    ],
    "issuer": ISSUER,
    "audiences": [AUDIENCE],
    "algorithms": ["RS256"],
    "keys_parameter": KEYS_PARAMETER,
}
LIMITS = {
    "*": {"rate_per_s": 1000, "burst": 1000},
    "slow": {"rate_per_s": 0.01, "burst": 3},
    "narrow": {"rate_per_s": 1000, "burst": 1000, "concurrency": 1},
}
BODY = json.dumps(
    {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 30], "data": [1] * 30}]}
).encode()
HOUR = 3600
TABLE = "counted-at-the-gate"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    """A throw-away key."""
    return LocalIssuer.open(tmp_path_factory.mktemp("issuer"))


@pytest.fixture(scope="module")
def guarded(container_models, issuer, tmp_path_factory):
    """A container that asks for tokens and counts tenants."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    around = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "task",
        "AWS_SECRET_ACCESS_KEY": "task",
    }
    made = {
        "endpoint_url": around["AWS_ENDPOINT_URL"],
        "region_name": REGION,
        "aws_access_key_id": "task",
        "aws_secret_access_key": "task",
    }
    boto3.client("dynamodb", **made).create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": TABLE_KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": TABLE_KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    ssm = boto3.client("ssm", **made)
    limits = json.dumps({"table": TABLE, "limits": LIMITS})
    parameters = {QUOTAS_PARAMETER: limits, KEYS_PARAMETER: issuer.key_set}
    for name, value in parameters.items():
        ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    asked = {"FALAJ_ACCESS": json.dumps(ACCESS), "FALAJ_QUOTAS": "rate"}
    folder = tmp_path_factory.mktemp("guarded")
    try:
        with running(container_models, folder, **around, **asked) as started:
            yield started
    finally:
        # Other files' servers of this process have the same memory.
        ssm.delete_parameters(Names=list(parameters))
        server.stop()


def minted(issuer, **said):
    """A token, right but for what is said."""
    return issuer.token(clock=CLOCK, **{"scopes": SCOPES, "tenant": "acme"} | said)


def unsigned(issuer):
    """`alg: none` with everything else right."""
    claims = jwt.decode(minted(issuer), options={"verify_signature": False})
    return jwt.encode(claims, None, algorithm="none", headers={"kid": KID})


CALLERS = {
    "none": (lambda _: None, 401),
    "wrong scope": (lambda i: minted(i, scopes=["model:other:invoke"]), 403),
    "other tenant": (lambda i: minted(i, tenant="globex"), 403),
    "no tenant": (lambda i: minted(i, tenant=None), 403),
    "expired": (lambda i: minted(i, lifetime_s=-HOUR), 401),
    "not yet valid": (lambda i: minted(i, nbf=int(CLOCK.now().timestamp() + HOUR)), 401),
    "alg=none": (unsigned, 401),
    "wrong issuer": (lambda i: minted(i, iss="https://elsewhere.example"), 401),
    "wrong audience": (lambda i: minted(i, aud="somebody-else"), 401),
    "right": (minted, 200),
}
CODES = {401: "StatusCode.UNAUTHENTICATED", 403: "StatusCode.PERMISSION_DENIED", 200: "OK"}
ROUTES = [
    ("GET", ""),
    ("GET", "/versions/1"),
    ("GET", "/config"),
    ("GET", "/ready"),
    ("GET", "/stats"),
    ("GET", "/versions/1/ready"),
    ("POST", "/infer"),
    ("POST", "/versions/1/infer"),
]


def rest(container, method, path, token, body=BODY):
    """Ask over REST; return status, headers and body."""
    headers = {"content-type": "application/json"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    asked = urllib.request.Request(
        f"http://{container.http}{path}",
        data=body if method == "POST" else None,
        headers=headers,
        method=method,
    )
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - our own address
            return answer.status, dict(answer.headers.items()), answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, dict(refusal.headers.items()), refusal.read()


def row(model="rows"):
    """One row as tritonclient sends it."""
    shape = [1, 30] if model == "rows" else [1, 1, 1]
    given = triton.InferInput("x", shape, "FP32")
    given.set_data_from_numpy(np.ones(shape, dtype=np.float32))
    return [given]


METHODS = {
    "ModelInfer": lambda c, **h: c.infer("rows", row(), **h),
    "ModelMetadata": lambda c, **h: c.get_model_metadata("rows", **h),
    "ModelReady": lambda c, **h: c.is_model_ready("rows", **h),
    "ModelConfig": lambda c, **h: c.get_model_config("rows", **h),
    "ModelStatistics": lambda c, **h: c.get_inference_statistics("rows", **h),
}


def called(container, method, token):
    """Call a method over gRPC; return its status."""
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    with triton.InferenceServerClient(container.grpc) as client:
        try:
            METHODS[method](client, headers=headers)
        except InferenceServerException as error:
            return str(error.status())
    return "OK"


@pytest.mark.parametrize("caller", CALLERS)
def test_each_caller_gets_exactly_what_is_due_by_rest(caller, guarded, issuer):
    """No API stands before it here, and it refuses all the same."""
    make, due = CALLERS[caller]
    token = make(issuer)
    got = {
        route: rest(guarded, route[0], f"/v2/models/rows{route[1]}", token)[0] for route in ROUTES
    }

    assert set(got.values()) == {due}, got


@pytest.mark.parametrize("caller", CALLERS)
def test_each_caller_gets_exactly_what_is_due_by_grpc(caller, guarded, issuer):
    """An unmodified client of Triton, its token in the call's metadata."""
    make, due = CALLERS[caller]
    token = make(issuer)
    got = {method: called(guarded, method, token) for method in METHODS}

    assert set(got.values()) == {CODES[due]}, got


def test_reading_opens_no_inference_by_either_way(guarded, issuer):
    """Each action's own scope counts, also where only the container looks."""
    token = minted(issuer, scopes=["model:rows:read"])
    got = {method: called(guarded, method, token) for method in METHODS}

    assert got.pop("ModelInfer") == CODES[403]
    assert set(got.values()) == {"OK"}
    assert rest(guarded, "POST", "/v2/models/rows/infer", token)[0] == 403
    assert rest(guarded, "GET", "/v2/models/rows", token)[0] == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/invocations"),
        ("GET", "/v2"),
        ("POST", "/v2/repository/index"),
        ("GET", "/v2/models/stats"),
        ("POST", "/v2/models/doubled/infer"),
        ("POST", "/v2/models/%72ows/infer"),
        ("POST", "/v2/models/rows/../doubled/infer"),
    ],
)
def test_no_other_path_leads_past_the_gate(method, path, guarded, issuer):
    """Without a token, or with one that opens another model: nothing."""
    assert rest(guarded, method, path, None)[0] == 401
    assert rest(guarded, method, path, minted(issuer))[0] == 403


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready", "/ping", "/metrics"])
def test_health_is_told_to_balancers_who_show_no_token(path, guarded):
    """No rule of a listener leads there from outside."""
    assert rest(guarded, "GET", path, None)[0] == 200


def test_a_tenant_that_a_caller_writes_is_overwritten(guarded, issuer):
    """In a header as in metadata, also as what a balancer would say of a certificate."""
    token = minted(issuer, tenant="globex")
    with (
        triton.InferenceServerClient(guarded.grpc) as client,
        pytest.raises(InferenceServerException) as refused,
    ):
        client.infer(
            "rows",
            row(),
            headers={
                "authorization": f"Bearer {token}",
                "x-falaj-tenant": "acme",
                "x-amzn-mtls-clientcert-subject": "CN=acme",
            },
        )

    assert str(refused.value.status()) == CODES[403]


def test_surplus_is_refused_by_both_ways_from_one_bucket(guarded, issuer):
    """Three at once: two over REST and one over gRPC; and the other tenant loses nothing."""
    slow = minted(issuer, tenant="slow")
    first = [rest(guarded, "POST", "/v2/models/rows/infer", slow)[0] for _ in range(2)]
    third = called(guarded, "ModelInfer", slow)
    status, headers, body = rest(guarded, "POST", "/v2/models/rows/infer", slow)
    with (
        triton.InferenceServerClient(guarded.grpc) as client,
        pytest.raises(InferenceServerException) as refused,
    ):
        client.infer("rows", row(), headers={"authorization": f"Bearer {slow}"})

    assert (first, third, status) == ([200, 200], "OK", 429)
    assert 1 <= int(headers["retry-after"]) <= 100
    assert json.loads(body)["code"] == "quota_exceeded"
    assert str(refused.value.status()) == "StatusCode.RESOURCE_EXHAUSTED"
    assert rest(guarded, "POST", "/v2/models/rows/infer", minted(issuer))[0] == 200


def test_every_route_counts(guarded, issuer):
    """Reading about a model is the tenant's request, too."""
    token = minted(issuer, tenant="slow", jti="another")

    statuses = Counter(rest(guarded, "GET", "/v2/models/rows", token)[0] for _ in range(4))
    assert statuses[429] >= 1
    assert set(statuses) <= {200, 429}


def test_places_under_way_are_bounded_and_given_back(guarded, issuer):
    """One at once: of eight together at least one is answered, all others told to wait; then again.

    Whoever is refused has been counted by the container alone: no function stood before it.
    """
    token = minted(issuer, tenant="narrow", scopes=["model:slow:invoke"])
    body = json.dumps(
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1, 1], "data": [1]}]}
    ).encode()

    def ask(_):
        return rest(guarded, "POST", "/v2/models/slow/infer", token, body)[0]

    with ThreadPoolExecutor(8) as pool:
        together = Counter(pool.map(ask, range(8)))
    one_by_one = Counter()
    while not one_by_one[200]:  # the last place is given back after its answer is out
        one_by_one[ask(0)] += 1

    assert together[200] >= 1
    assert set(together) | set(one_by_one) <= {200, 429}


def streamed(container, token, models):
    """Send requests over one stream; return what each came to, up to the stream's own end."""
    told = queue.Queue()
    with triton.InferenceServerClient(container.grpc) as client:
        client.start_stream(
            lambda result, error: told.put(error or result.get_response().model_name),
            headers={"authorization": f"Bearer {token}"},
        )
        for model in models:
            client.async_stream_infer(model, row(model))
        return [told.get(timeout=30) for _ in models]


def test_a_stream_is_answered_as_long_as_its_caller_may(guarded, issuer):
    """Its first request to a model that the token does not open ends it."""
    good, bad = streamed(guarded, minted(issuer), ["rows", "slow"])

    assert good == "rows"
    assert str(bad.status()) == CODES[403]


def test_a_streams_surplus_is_told_request_by_request(guarded, issuer):
    """As every error of a single request is, so that the others of the stream go on."""
    told = streamed(guarded, minted(issuer, tenant="slow", jti="streams"), ["rows"] * 5)

    assert any("is over its rate" in str(each) for each in told[3:])
