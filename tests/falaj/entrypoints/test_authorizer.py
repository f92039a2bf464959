"""Promise: the authorizer answers with a policy, or with the one word that means 401."""

import json

import pytest

from falaj.aws.issuer_keys import IssuerKeys
from falaj.config.access import AccessSettings
from falaj.domain.access import AccessMode, ModelAccess
from falaj.entrypoints.authorizer import Authorizer, NobodyKnownError
from falaj.entrypoints.lambda_experiments import claims_of
from falaj.errors import DependencyError
from local_region.cloudwatch.emf import published
from local_region.issuer import AUDIENCE, ISSUER, LocalIssuer
from tests.falaj.clocks import StandingClock

METHOD = "arn:aws:execute-api:me-central-1:123456789012:abc/live/GET/v2/models/churn"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    """An issuer with a key of its own."""
    return LocalIssuer.open(tmp_path_factory.mktemp("issuer"))


@pytest.fixture
def clock():
    """Noon."""
    return StandingClock()


@pytest.fixture
def lines():
    """What was written."""
    return []


def settings(**changed):
    """What a stack would write."""
    models = {"churn": ModelAccess(model="churn", invoke=("model:churn:invoke",))}
    given = {
        "mode": AccessMode.JWT,
        "models": models,
        "issuer": ISSUER,
        "audiences": (AUDIENCE,),
        "algorithms": ("RS256",),
        "keys_parameter": "/keys",
    }
    return AccessSettings(**given | changed)


@pytest.fixture
def authorizer(issuer, clock, lines):
    """The function, with its keys at hand."""
    return Authorizer(settings(), lambda: issuer.key_set, clock=clock, write=lines.append)


def event(token, method=METHOD):
    """A TOKEN authorizer's event."""
    return {"type": "TOKEN", "authorizationToken": f"Bearer {token}", "methodArn": method}


def test_a_right_token_gets_a_policy_and_its_tenant(authorizer, issuer, clock):
    """What the functions behind are told, all strings."""
    token = issuer.token(clock=clock, scopes=["model:churn:invoke"], subject="app-7")

    answer = authorizer(event(token))

    assert answer["principalId"] == "app-7"
    assert answer["context"] == {
        "tenant": "acme",
        "subject": "app-7",
        "scopes": "model:churn:invoke",
        "expires": str(int(clock.at.timestamp()) + 12 * 3600),
    }
    assert answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"


@pytest.mark.parametrize("claim", ["email", "https://example.ae/user"])
def test_claims_that_experiments_name_are_handed_on(claim, issuer, clock, lines):
    """A subject may be any claim, whatever it is called; no other claim goes further."""
    telling = settings(told_claims=(claim, "missing"))
    authorizer = Authorizer(telling, lambda: issuer.key_set, clock=clock, write=lines.append)
    token = issuer.token(clock=clock, **{claim: "سارة", "phone": "050"})

    context = authorizer(event(token))["context"]

    assert json.loads(context["named_claims"]) == {claim: "سارة"}
    assert claims_of({"requestContext": {"authorizer": context}})[claim] == "سارة"
    assert all(isinstance(value, str) for value in context.values())


def test_the_policy_is_the_same_whatever_is_asked_first(authorizer, issuer, clock):
    """API Gateway keeps it by token: a narrower one would refuse the next route."""
    token = issuer.token(clock=clock, scopes=["model:churn:invoke"])
    first = authorizer(event(token))
    other = authorizer(event(token, METHOD.replace("GET/v2/models/churn", "POST/nothing")))

    assert first == other


@pytest.mark.parametrize(
    "claims",
    [{"iss": "https://x"}, {"aud": "x"}, {"exp": 1}, {"nbf": 9e9}],
    ids=lambda c: next(iter(c)),
)
def test_nobody_known_is_the_one_word(claims, authorizer, issuer, clock, lines):
    """API Gateway reads `Unauthorized`; the reason is in our log, the token is not."""
    token = issuer.token(clock=clock, **claims)

    with pytest.raises(NobodyKnownError, match=r"^Unauthorized$"):
        authorizer(event(token))
    assert json.loads(lines[0])["outcome"] == "unauthorized"
    assert token not in lines[0]


def test_a_token_without_tenant_is_denied_everything(authorizer, issuer, clock):
    """403, not 401: the caller is known."""
    answer = authorizer(event(issuer.token(clock=clock, tenant=None, scopes=["platform:read"])))

    assert answer["policyDocument"]["Statement"][0]["Effect"] == "Deny"


def test_without_keys_the_fault_is_ours(clock, lines):
    """API Gateway answers 500, and nobody is let in."""

    def dark():
        raise DependencyError(service="ssm", doing="answer", reason="dark")

    authorizer = Authorizer(settings(), dark, clock=clock, write=lines.append)
    token = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.e30.AA"

    with pytest.raises(DependencyError):
        authorizer(event(token))


@pytest.mark.parametrize(("tenant", "key"), [("acme", "own"), ("globex", "shared")])
def test_each_tenant_is_counted_by_its_key(tenant, key, issuer, clock, lines):
    """A tenant without a plan of its own shares the default's."""
    counting = settings(quota_keys={"acme": "own", "*": "shared"})
    authorizer = Authorizer(counting, lambda: issuer.key_set, clock=clock, write=lines.append)

    answer = authorizer(event(issuer.token(clock=clock, tenant=tenant)))

    assert answer["usageIdentifierKey"] == key


def test_settings_survive_being_written():
    """As the stack writes them and the function reads them."""
    every = settings(quota_keys={"*": "k"}, told_claims=("email",))
    written = json.dumps(every.to_dict())

    assert AccessSettings.from_env({"FALAJ_ACCESS": written}) == every


@pytest.mark.parametrize(("tenant", "lines_left"), [("acme", 0), ("globex", 1)])
def test_a_tenant_without_a_plan_of_its_own_leaves_its_metric(
    tenant, lines_left, issuer, clock, lines
):
    """The alarm on it is fed from this line; the token is not in it."""
    counting = settings(quota_keys={"acme": "own", "*": "shared"})
    authorizer = Authorizer(counting, lambda: issuer.key_set, clock=clock, write=lines.append)
    token = issuer.token(clock=clock, tenant=tenant, scopes=["model:churn:invoke"])
    authorizer(event(token))

    counted = [(item.metric.name, list(item.values)) for line in lines for item in published(line)]
    assert len(lines) == lines_left
    assert counted == [("UnplannedTenants", [1.0])] * lines_left
    assert not any(token in line for line in lines)


def test_where_nobody_is_counted_no_plan_is_missed(authorizer, issuer, clock, lines):
    """Without tenants' limits there are no plans."""
    authorizer(event(issuer.token(clock=clock, scopes=["model:churn:invoke"])))

    assert lines == []


def test_keys_are_read_before_the_first_token_and_failing_that_with_it(issuer, clock, lines):
    """A start that finds SSM dark lets nobody in, and nobody is locked out for it later."""
    answers = iter([DependencyError(service="ssm", doing="answer", reason="dark"), issuer.key_set])
    asked = []

    def fetch():
        asked.append(1)
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    authorizer = Authorizer(settings(), fetch, clock=clock, write=lines.append)
    authorizer.prepare()
    before = len(asked)
    for _ in range(3):
        authorizer(event(issuer.token(clock=clock, scopes=["model:churn:invoke"])))

    assert (before, len(asked)) == (1, 2)
    assert "dark" in lines[0]


class Ssm:
    """Answers as SSM does, over the wire that calls are signed for."""

    def __init__(self, status, body):
        self.status, self.body, self.asked = status, body, []

    def __call__(self, path, body, *, headers=None):
        """Answer one call."""
        self.asked.append((path, headers["x-amz-target"], json.loads(body)))
        return self


def test_the_parameter_is_asked_for_by_its_name():
    """One call, without boto3."""
    ssm = Ssm(200, json.dumps({"Parameter": {"Value": "keys"}}).encode())

    assert IssuerKeys(ssm, "/keys").fetch() == "keys"
    assert ssm.asked == [("/", "AmazonSSM.GetParameter", {"Name": "/keys"})]


@pytest.mark.parametrize(("status", "body"), [(400, b"{}"), (200, b"{}"), (200, b"<html>")])
def test_what_is_no_parameter_is_the_services_fault(status, body):
    """Not the caller's, and never an empty key set."""
    with pytest.raises(DependencyError):
        IssuerKeys(Ssm(status, body), "/keys").fetch()
