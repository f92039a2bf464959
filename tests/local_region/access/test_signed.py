"""Promise: who signs gets exactly what his IAM policies say, from functions and containers alike.

The real templates with `access=iam`, in both profiles. Users, roles and policies are made with
boto3, requests are signed by botocore; gRPC, which knows no SigV4, takes client certificates.
"""

import json
from datetime import timedelta
from urllib.parse import urlsplit

import boto3
import grpc
import numpy as np
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tritonclient import grpc as triton
from tritonclient.utils import InferenceServerException

from falaj.contract import REGION
from falaj.domain.routes import ROUTES, Server
from local_region.credentials import LocalCredentials
from tests.local_region.access.certificates import DAY, NOW, Authority
from tests.local_region.access.conftest import ACCOUNTS, GPU_DOMAIN
from tests.local_region.conftest import ROOT

INFER = json.dumps(
    {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, -1, 2, -2]}]}
).encode()
PREDICT = [route for route in ROUTES if route.server is Server.PREDICT]
OF_MODEL = [route for route in PREDICT if route.of_model]
EVERYTHING = "*"


class World:
    """A region, and everybody who may want something of it."""

    def __init__(self, running, profile):
        self.running, self.account = running, ACCOUNTS[profile]
        made = {"region_name": REGION, "endpoint_url": running.region.aws_url}
        keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        self.iam = boto3.client("iam", **made, **keys)
        self.sts = boto3.client("sts", **made, **keys)
        (self.api,) = running.region._parts.surroundings.apis.apis.values()
        (self.stage,) = self.api.stages

    def arn(self, what):
        """An ARN below the API."""
        return f"arn:aws:execute-api:{REGION}:{self.account}:{self.api.id}/{self.stage}/{what}"

    def policy(self, *allowed, denied=(), **more):
        """A policy that allows and denies what lies below the API; `*` for any API's."""
        wanted = {"Allow": allowed, "Deny": denied}
        statements = [
            {
                "Effect": effect,
                "Action": "execute-api:Invoke",
                "Resource": [w if w == EVERYTHING else self.arn(w) for w in names],
                **more,
            }
            for effect, names in wanted.items()
            if names
        ]
        return json.dumps({"Version": "2012-10-17", "Statement": statements})

    def user(self, name, policy=None):
        """A user of the account; return his key."""
        self.iam.create_user(UserName=name)
        if policy is not None:
            self.iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy)
        return self.key(name)

    def key(self, name):
        """A further key of a user."""
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    def session(self, name, policy, *, session_policy=None, boundary=None):
        """A session of a new role; return its key."""
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        bounded = {}
        if boundary is not None:
            made = self.iam.create_policy(PolicyName=f"{name}-most", PolicyDocument=boundary)
            bounded = {"PermissionsBoundary": made["Policy"]["Arn"]}
        role = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **bounded)
        self.iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
        less = {} if session_policy is None else {"Policy": session_policy}
        arn = role["Role"]["Arn"]
        got = self.sts.assume_role(RoleArn=arn, RoleSessionName="tests", **less)["Credentials"]
        return Credentials(got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])

    def ask(self, path, credentials, *, method="GET", body=None, headers=None, **how):
        """Ask the API with a signature; return status, headers and body."""
        given = {"content-type": "application/json"} | (headers or {})
        if credentials is None:
            return self.running.request(path, method=method, body=body, headers=given)
        url = self.running.region.api_url + path
        asked = AWSRequest(method=method, url=url, data=body, headers=given)
        asked.headers["Host"] = urlsplit(url).netloc
        scope = (how.get("service", "execute-api"), how.get("region", REGION))
        how.get("kind", SigV4Auth)(credentials, *scope).add_auth(asked)
        if "tamper" in how:
            how["tamper"](asked)
        sent = asked.url.removeprefix(self.running.region.api_url)
        plain = {name: str(value) for name, value in asked.headers.items()}
        return self.running.request(sent, method=method, body=body, headers=plain)

    def route(self, route, model, credentials, **how):
        """Ask a route of a model; return the status."""
        path = route.path.replace("{model}", model).replace("{version}", "1")
        body = INFER if route.method == "POST" else None
        return self.ask(path, credentials, method=route.method, body=body, **how)[0]


@pytest.fixture(scope="module", params=["smb", "enterprise"])
def world(request, guarded):
    """Each profile, asking for signatures."""
    return World(guarded(request.param, "iam"), request.param)


@pytest.fixture(scope="module")
def owner():
    """This machine's own credentials."""
    return Credentials(*LocalCredentials.open(ROOT / ".build" / "issuer"))


def stale(asked):
    """As sent yesterday."""
    day = (NOW - DAY).strftime("%Y%m%d")
    asked.headers.replace_header("X-Amz-Date", f"{day}T000000Z")


def altered(asked):
    """By somebody on the way."""
    asked.headers.replace_header("Authorization", asked.headers["Authorization"][:-1] + "x")


def everyone(world, owner):
    """Who calls, how, and what is due to him on a model's every route."""
    all_of_it = world.policy("*/v2/*")
    user = world.user("whole", all_of_it)
    off = world.user("off", all_of_it)
    world.iam.update_access_key(UserName="off", AccessKeyId=off.access_key, Status="Inactive")
    world.user("member")
    world.iam.create_group(GroupName="callers")
    world.iam.put_group_policy(
        GroupName="callers", PolicyName="own", PolicyDocument=world.policy(EVERYTHING)
    )
    world.iam.add_user_to_group(GroupName="callers", UserName="member")
    managed = world.user("managed")
    made = world.iam.create_policy(PolicyName="whole", PolicyDocument=all_of_it)["Policy"]
    world.iam.attach_user_policy(UserName="managed", PolicyArn=made["Arn"])
    session = world.session("caller", all_of_it)
    elsewhere = world.arn("*/*").replace(world.account, "999999999999")
    condition = {"Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}
    return {
        "unsigned": (None, {}, 403),
        "wrong secret": (Credentials(user.access_key, "guessed"), {}, 403),
        "unknown key": (Credentials("AKIA0000000000000000", "guessed"), {}, 403),
        "inactive key": (off, {}, 403),
        "stale": (user, {"tamper": stale}, 403),
        "altered": (user, {"tamper": altered}, 403),
        "another region": (user, {"region": "eu-west-1"}, 403),
        "another service": (user, {"service": "lambda"}, 403),
        "a bearer token": (None, {"headers": {"authorization": "Bearer a.b.c"}}, 403),
        "an API key": (None, {"headers": {"x-api-key": "a" * 40}}, 403),
        "no policy": (world.user("nothing"), {}, 403),
        "another model's": (world.user("other", world.policy("*/v2/models/churns/*")), {}, 403),
        "another stage's": (
            world.user("stage", world.policy("GET/*").replace(f"/{world.stage}/", "/other/")),
            {},
            403,
        ),
        "another account's": (
            world.user("account", world.policy("*/*").replace(world.arn("*/*"), elsewhere)),
            {},
            403,
        ),
        "denied": (world.user("denied", world.policy(EVERYTHING, denied=["*/v2/*"])), {}, 403),
        "from elsewhere": (
            world.user("away", world.policy(EVERYTHING, **condition)),
            {},
            403,
        ),
        "within a boundary": (
            world.session("bounded", all_of_it, boundary=world.policy("GET/nothing")),
            {},
            403,
        ),
        "within a session's policy": (
            world.session("less", all_of_it, session_policy=world.policy("GET/nothing")),
            {},
            403,
        ),
        "session without its token": (
            Credentials(session.access_key, session.secret_key),
            {},
            403,
        ),
        "right": (user, {}, 200),
        "right, in the query": (user, {"kind": SigV4QueryAuth}, 200),
        "by his group": (world.key("member"), {}, 200),
        "by a managed policy": (managed, {}, 200),
        "a role's session": (session, {}, 200),
        "the owner": (owner, {}, 200),
    }


def test_each_caller_gets_exactly_what_is_due_on_every_route(world, owner):
    """Of a container, behind API Gateway's link to it: the whole matrix."""
    got = {}
    for name, (credentials, how, due) in everyone(world, owner).items():
        # botocore takes no body where it signs the query.
        routes = [r for r in OF_MODEL if r.method == "GET" or "kind" not in how]
        found = {r.operation: world.route(r, "vision", credentials, **how) for r in routes}
        got[name] = (due, set(found.values()), len(found) == len(routes))

    assert {name: statuses for name, (_, statuses, _) in got.items()} == {
        name: {due} for name, (due, _, _) in got.items()
    }
    assert len(got) == 25


def test_an_account_that_is_no_tenant_of_the_model_is_refused(world, owner):
    """`churn` is acme's: the function looks at the account that signed, whatever IAM says."""
    got = {route.operation: world.route(route, "churn", owner) for route in OF_MODEL}

    assert set(got.values()) == {403}, got


def test_a_service_behind_its_breaker_is_no_way_around(guarded, owner):
    """The function before the service is asked for by ARN as well, and hands the account on."""
    world = World(guarded("smb", "iam"), "smb")
    other = world.user("behind", world.policy("*/v2/models/vision*"))

    assert {world.route(route, "speech", owner) for route in OF_MODEL} == {200}
    assert {world.route(route, "speech", other) for route in OF_MODEL} == {403}


def test_a_policy_opens_one_action_of_one_model(world):
    """`execute-api:Invoke` on the exact ARN, by method and path."""
    reader = world.user("reader", world.policy("GET/v2/models/vision", "GET/v2/models/vision/*"))
    got = {route.operation: world.route(route, "vision", reader) for route in OF_MODEL}

    assert {name for name, status in got.items() if status == 200} == {
        route.operation for route in OF_MODEL if route.method == "GET"
    }
    assert {status for status in got.values() if status != 200} == {403}


def test_a_path_that_leads_around_opens_nothing(world):
    """What is signed is the normalised path; what is decided is the path as sent."""
    key = world.user("around", world.policy("GET/v2/models/vision/*"))
    paths = (
        "/v2/models/vision/../churn",
        "/v2/models/vision//ready",
        "/v2/models/vision%2F..%2Fchurn",
        "/v2/models/vision/%2e%2e/churn",
        "/v2/models/churn/%2e%2e/vision",
    )
    got = {path: world.ask(path, key)[0] for path in paths}

    assert set(got.values()) <= {400, 403, 404}, got


def test_refusals_say_what_aws_says(world):
    """A REST API by its own sentences, an HTTP API by one word."""
    nothing = world.user("says", world.policy("GET/nothing"))
    path = "/v2/models/vision"
    bodies = [
        json.loads(world.ask(path, nothing)[2]),
        json.loads(world.ask(path, None)[2]),
        json.loads(world.ask(path, Credentials(nothing.access_key, "guessed"))[2]),
    ]
    if world.stage == "$default":
        assert bodies == [{"message": "Forbidden"}] * 3
        return
    hidden = world.arn("GET/v2/models/vision").replace(world.account, "********6666")
    unsaid, unsigned, forged = (body["error"] for body in bodies)
    assert unsaid == (
        f"User: arn:aws:iam::{world.account}:user/says is not authorized to perform: "
        f"execute-api:Invoke on resource: {hidden} because no identity-based policy allows the "
        "execute-api:Invoke action"
    )
    assert unsigned == "Missing Authentication Token"
    assert forged.startswith("The request signature we calculated does not match")


def test_the_account_is_the_tenant_whatever_a_caller_writes(world, owner):
    """A header, in any spelling, neither takes the tenant away nor gives one."""
    for model, due in (("vision", 200), ("churn", 403)):
        for name in ("x-falaj-tenant", "X-Falaj-Tenant", "x-falaj-subject"):
            path = f"/v2/models/{model}"
            assert world.ask(path, owner, headers={name: "acme"})[0] == due


# ------------------------------------------------------------------------- gRPC
def shown(world, certificate):
    """A client that shows a certificate, or none."""
    address = dict(world.running.region.ready().grpc)[f"vision.{GPU_DOMAIN}"]
    key, chain = certificate or (None, None)
    trusted = world.running.region.authority.read_bytes()
    credentials = grpc.ssl_channel_credentials(trusted, key, chain)
    return triton.InferenceServerClient(address, ssl=True, creds=credentials)


def called(world, certificate, **metadata):
    """Run the model over gRPC; return the status."""
    given = triton.InferInput("x", [1, 4], "FP32")
    given.set_data_from_numpy(np.ones((1, 4), dtype=np.float32))
    with shown(world, certificate) as client:
        try:
            client.infer("vision", [given], headers=metadata, client_timeout=60)
        except InferenceServerException as error:
            return str(error.status())
    return "OK"


def test_grpc_takes_certificates_of_the_trust_store_only(world, bank):
    """By TLS, before any message; and then the name on it is the tenant."""
    stranger = Authority("bank")
    refused = "StatusCode.UNAVAILABLE"
    callers = {
        "none": (None, refused),
        "stranger": (stranger.issued("acme"), refused),
        "its own": (Authority("acme").its_own(), refused),
        "expired": (bank.issued("acme", until=NOW - timedelta(hours=1)), refused),
        "other tenant": (bank.issued("globex"), "StatusCode.PERMISSION_DENIED"),
        "right": (bank.issued("acme"), "OK"),
    }
    got = {name: called(world, certificate) for name, (certificate, _) in callers.items()}

    assert got == {name: due for name, (_, due) in callers.items()}


def test_a_certificate_that_a_caller_writes_is_not_believed(world, bank):
    """The balancer says what was shown, in place of whatever was sent."""
    told = {"x-amzn-mtls-clientcert-subject": "CN=acme"}

    assert called(world, bank.issued("globex"), **told) == "StatusCode.PERMISSION_DENIED"


def test_grpc_without_tls_is_no_way_in(world):
    """Nor is the balancer's plain port."""
    address = dict(world.running.region.ready().grpc)[f"vision.{GPU_DOMAIN}"]
    with (
        triton.InferenceServerClient(address) as client,
        pytest.raises(InferenceServerException) as refused,
    ):
        client.get_server_metadata(client_timeout=60)
    assert str(refused.value.status()) == "StatusCode.UNAVAILABLE"
