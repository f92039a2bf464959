"""Promise: whoever may not gets exactly 401 or 403, on every route, in both profiles; who may, 200.

The real templates, the real handlers, the real authorizer in its own process.
"""

import base64
import hashlib
import hmac
import json
from collections import Counter
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from falaj.domain.access import asked_for
from falaj.domain.routes import ROUTES, Server
from local_region.issuer import KID
from tests.local_region.access.callers import OK, Minting

MODEL = "churn"
INFER = json.dumps(
    {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, -1, 2, -2]}]}
).encode()


minted = Minting(MODEL)
CALLERS = minted.callers()
SERVED = [
    route for route in ROUTES if route.server is Server.PREDICT or route.scope == "platform:read"
]
"""What answers 200 without anything having gone before; others need an experiment, say."""


@pytest.fixture(scope="module", params=["smb", "enterprise"])
def region(request, guarded):
    """Each profile, asking for tokens."""
    return guarded(request.param, "jwt")


def asked(region, route, token):
    """Ask a route of the API; return status, headers and body."""
    path = route.path.replace("{model}", MODEL).replace("{version}", "1")
    path = path.replace("{experiment}", "any")
    headers = {"content-type": "application/json"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    body = INFER if route.operation.startswith("infer") else b"{}"
    return region.request(
        path, method=route.method, headers=headers, body=body if route.method == "POST" else None
    )


@pytest.mark.parametrize("caller", CALLERS)
def test_each_caller_gets_exactly_what_is_due_on_every_route(caller, region, issuer):
    """One row of the matrix: every route of the contract."""
    make, due = CALLERS[caller]
    token = make(issuer)
    routes = SERVED if due == OK else ROUTES
    got = {route.operation: asked(region, route, token)[0] for route in routes}

    # Another tenant's token is as good as any for what belongs to no tenant.
    others = {r.operation for r in ROUTES if not r.of_model} if caller == "other tenant" else set()
    assert got == {r.operation: OK if r.operation in others else due for r in routes}


def test_the_right_caller_reaches_what_needs_something_before_it(region, issuer):
    """Feedback and experiments: nothing is there yet, and nobody is refused for who he is."""
    token = minted(issuer)
    got = {r.operation: asked(region, r, token)[0] for r in ROUTES if r not in SERVED}

    assert set(got.values()) <= {200, 400, 404}
    assert got["listExperiments"] == got["modelExperiments"] == OK


def test_the_matrix_covers_every_route():
    """Eleven callers; whoever may not is refused on all routes of the table."""
    assert len(CALLERS) == 11
    assert Counter(route.server for route in SERVED)[Server.PREDICT] >= 10


def test_every_route_of_the_templates_is_guarded(region):
    """Whatever the API was made from: no route of it lets anyone in."""
    routes = region.region.routes()

    assert [route.key for route in routes if route.guard.check is None] == []
    assert {f"/v2/models/{MODEL}/feedback", "/docs"} <= {route.template for route in routes}


@pytest.mark.parametrize("caller", ["none", "wrong scope"])
def test_no_method_of_any_route_of_the_templates_is_open(caller, region, issuer):
    """Also those that the contract has no operation for: the templates know `any` method only."""
    make, due = CALLERS[caller]
    token = make(issuer)
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    got = {}
    for template in {route.template for route in region.region.routes()}:
        path = template.replace("{proxy+}", "any/thing").replace("$default", "/nowhere")
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            body = b"{}" if method == "POST" else None
            status, _, _ = region.request(path, method=method, headers=headers, body=body)
            got[method, path] = status

    assert set(got.values()) == {due}, got
    assert len(got) >= 4 * 10


def test_every_documented_operation_is_a_row_of_the_matrix(region, issuer):
    """The document that the API publishes, read as a client reads it.

    It tells of asynchronous requests where a model takes them; none of this catalogue does, and
    whoever may not is refused there all the same.
    """
    status, _, body = region.request(
        "/openapi.json", headers={"authorization": f"Bearer {minted(issuer)}"}
    )
    documented = [
        (method.upper(), path)
        for path, operations in json.loads(body)["paths"].items()
        for method in operations
        if method in {"get", "post", "put", "patch", "delete"}
    ]
    found = {pair: asked_for(*pair) for pair in documented}

    assert (status, [pair for pair, known in found.items() if known is None]) == (OK, [])
    told = {route.operation for route in ROUTES if route.server is not Server.INTAKE}
    assert {known.route.operation for known in found.values()} == told


def test_refusals_have_the_one_error_body_or_api_gateways_own(region, issuer):
    """A REST API is templated into ours; an HTTP API cannot be, and says `message`."""
    route = next(r for r in SERVED if r.operation == "infer")

    bodies = [
        json.loads(asked(region, route, token)[2])
        for token in (None, minted(issuer, scopes=["x"]), minted(issuer, tenant="globex"))
    ]

    assert all(body.keys() in ({"error", "code", "request_id"}, {"message"}) for body in bodies)


@pytest.mark.parametrize("spelling", ["x-falaj-tenant", "X-Falaj-Tenant"])
def test_a_tenant_in_a_header_opens_nothing(spelling, region, issuer):
    """Only the token says whose request it is."""
    status, _, _ = region.request(
        f"/v2/models/{MODEL}/infer",
        body=INFER,
        headers={
            "content-type": "application/json",
            "authorization": f"Bearer {minted(issuer, tenant='globex')}",
            spelling: "acme",
        },
    )

    assert status == 403


@pytest.mark.parametrize("path", ["/v2/models/churn/../open-to-all/infer", "/v2/elsewhere", "/x"])
def test_no_other_path_is_open(path, region):
    """Whatever nobody thought of asks for a token, too."""
    assert region.request(path, method="POST", body=b"{}")[0] in {401, 403}


def test_a_token_opens_every_route_whatever_it_was_first_shown_to(guarded, issuer):
    """API Gateway keeps the authorizer's answer by token; a policy for one route would not do."""
    region, token = guarded("enterprise", "jwt"), minted(issuer, jti="kept")
    order = [*SERVED, *reversed(SERVED)]

    assert {asked(region, route, token)[0] for route in order} == {200}


def test_metadata_is_no_key_to_inference(region, issuer):
    """Who may read about a model may not run it."""
    token = minted(issuer, scopes=[f"model:{MODEL}:read"])
    got = {
        route.operation: asked(region, route, token)[0]
        for route in SERVED
        if route.of_model and not route.of_version
    }

    assert got.pop("infer") == 403
    assert set(got.values()) == {200}


def hostile(issuer):
    """What a token and a header may look like, and what is due to each."""
    claims = jwt.decode(minted(issuer), options={"verify_signature": False})
    public = issuer._key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    def signed(claims=claims, head=None, text=None):
        """Signed by the issuer, whatever it says."""
        head = head or json.dumps({"alg": "RS256", "kid": KID})
        said = f"{part(head)}.{part(text or json.dumps(claims))}"
        signature = issuer._key.sign(said.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{said}.{encoded(signature)}"

    by_public_key = f"{part(json.dumps({'alg': 'HS256', 'kid': KID}))}.{part(json.dumps(claims))}"
    tag = hmac.new(public, by_public_key.encode(), hashlib.sha256).digest()
    usual, text = {"alg": "RS256", "kid": KID}, json.dumps(claims)[:-1]
    names = claims["scope"]
    tokens = {
        "signed by hand": (signed(), 200),
        "public key as a secret": (f"{by_public_key}.{encoded(tag)}", 401),
        "two algorithms": (signed(head=json.dumps(usual)[:-1] + ',"alg":"none"}'), 401),
        "algorithm in lower case": (signed(head=json.dumps(usual | {"alg": "rs256"})), 401),
        "a list of keys": (signed(head=json.dumps(usual | {"kid": [KID]})), 401),
        "an extension": (signed(head=json.dumps(usual | {"crit": ["b64"], "b64": True})), 401),
        "two tenants": (signed(text=text + ',"tenant":"globex"}'), 403),
        "a list of tenants": (signed(claims | {"tenant": ["acme"]}), 403),
        "a homoglyph": (signed(claims | {"tenant": "\u0430cme"}), 403),
        "a line break in its name": (signed(claims | {"sub": "a\r\nx-falaj-tenant: acme"}), 401),
        "scopes in capitals": (signed(claims | {"scope": names.upper()}), 403),
        "any scope": (signed(claims | {"scope": "model:*:invoke * platform:*"}), 403),
        "scopes joined by commas": (signed(claims | {"scope": names.replace(" ", ",")}), 403),
        "a list of scopes": (signed(claims | {"scope": names.split()}), 200),
        "an end without end": (signed(text=f'{text},"exp":{"9" * 400}}}'), 401),
        "an end that is no number": (signed(text=text + ',"exp":NaN}'), 401),
        "encrypted": ("a.b.c.d.e", 401),
    }
    right = signed()
    return {name: (f"Bearer {token}", due) for name, (token, due) in tokens.items()} | {
        "in lower case": (f"bearer {right}", 200),
        "a space in it": (f"Bearer {right[:9]} {right[9:]}", 401),
        "two of them": (f"Bearer {right}, Bearer {right}", 401),
        "of another kind": (f"Basic {right}", 401),
    }


def part(text):
    """Encode as a token's part."""
    return encoded(text.encode())


def encoded(content):
    """Encode without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def test_hostile_tokens_get_exactly_what_is_due(region, issuer):
    """What nobody mints by mistake, signed by the issuer or not; never a fault of ours."""
    wanted = hostile(issuer)
    headers = {"content-type": "application/json"}
    path = f"/v2/models/{MODEL}/infer"
    got = {
        name: region.request(path, body=INFER, headers=headers | {"authorization": shown})[0]
        for name, (shown, _) in wanted.items()
    }

    assert got == {name: due for name, (_, due) in wanted.items()}


def test_a_token_counts_in_one_place_only(region, issuer):
    """Neither in the query, nor beside another; and an API key is none."""
    token = minted(issuer)
    path = f"/v2/models/{MODEL}/infer"
    query = f"access_token={token}&Authorization=Bearer%20{token}"
    assert region.request(f"{path}?{query}", body=INFER)[0] == 401
    assert region.request(path, body=INFER, headers={"x-api-key": token[:40]})[0] == 401
    assert region.request(path, body=INFER, headers={"cookie": f"authorization={token}"})[0] == 401
    with closing(HTTPConnection(urlsplit(region.region.api_url).netloc)) as connection:
        connection.putrequest("GET", "/v2")
        for shown in ("Bearer x.y.z", f"Bearer {token}"):
            connection.putheader("authorization", shown)
        connection.putheader("user-agent", "tests")
        connection.endheaders()
        assert connection.getresponse().status == 401


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "Bearer", "é", "a" * 9000])
def test_rubbish_is_nobody(token, region):
    """Not a fault of ours."""
    status, _, _ = region.request(
        "/v2", headers={"authorization": f"Bearer {token}".encode().decode("latin-1")}
    )

    assert status == 401
