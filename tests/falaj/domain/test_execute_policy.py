"""Promise: a policy covers every method a caller may use and no other, whatever was asked first."""

from fnmatch import fnmatchcase

import pytest

from falaj.domain.access import Caller, ModelAccess, allows
from falaj.domain.execute_policy import policy_document, stage_arn
from falaj.domain.routes import ROUTES
from falaj.errors import MalformedRequestError

STAGE = "arn:aws:execute-api:me-central-1:123456789012:abc123/live"
MODELS = (
    ModelAccess(model="churn", invoke=("model:churn:invoke",)),
    ModelAccess(model="churn-two", invoke=("model:churn-two:invoke",), tenants=("globex",)),
)
SCOPES = ("platform:read", "model:churn:invoke", "model:churn:read", "model:churn-two:invoke")


def covered(policy, method):
    """Whether the policy allows a method of the stage, as API Gateway reads it."""
    (statement,) = policy["Statement"]
    hit = any(fnmatchcase(f"{STAGE}/{method}", resource) for resource in statement["Resource"])
    return hit and statement["Effect"] == "Allow"


@pytest.mark.parametrize("scope", [*SCOPES, "model:other:invoke", ""])
@pytest.mark.parametrize("tenant", ["acme", "globex"])
def test_the_policy_says_what_the_function_would_say(scope, tenant):
    """Each route of each model, for each scope alone: two ways to the same answer."""
    caller = Caller(tenant=tenant, scopes=frozenset({scope}))
    policy = policy_document(caller, MODELS, stage=STAGE)

    for route in ROUTES:
        for model in MODELS if route.of_model else (None,):
            path = route.path.replace("{model}", model.model if model else "")
            method = route.method + path.replace("{version}", "12")
            assert covered(policy, method) == allows(caller, route, model), method


def test_who_may_do_nothing_is_denied_everything():
    """An explicit denial, so that the answer is 403."""
    policy = policy_document(Caller(tenant="a", scopes=frozenset()), MODELS, stage=STAGE)

    assert policy["Statement"] == [
        {"Effect": "Deny", "Action": "execute-api:Invoke", "Resource": [f"{STAGE}/*"]}
    ]


def test_a_model_whose_name_begins_alike_is_another():
    """`churn` opens nothing of `churn-two`."""
    caller = Caller(tenant="globex", scopes=frozenset({"model:churn:invoke"}))

    policy = policy_document(caller, MODELS, stage=STAGE)

    assert not covered(policy, "POST/v2/models/churn-two/infer")


def test_only_this_api_and_stage_are_named():
    """A policy that is kept cannot open another stage."""
    policy = policy_document(Caller(tenant="acme", scopes=frozenset(SCOPES)), MODELS, stage=STAGE)

    assert all(r.startswith(f"{STAGE}/") for r in policy["Statement"][0]["Resource"])


@pytest.mark.parametrize("arn", ["", "arn:aws:s3:::b/k/x", "arn:aws:execute-api:r:1:abc", "x/y/z"])
def test_no_policy_is_written_for_what_is_no_method(arn):
    """A test event from the console, say."""
    with pytest.raises(MalformedRequestError, match="methodArn"):
        stage_arn(arn)
