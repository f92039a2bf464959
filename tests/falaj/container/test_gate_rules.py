"""Promise: whom a gate believes depends on what stands before it, and on nothing a caller says."""

import asyncio
import json

import pytest

from falaj.config.access import AccessSettings
from falaj.container.gate import Gate, asked_by_name
from falaj.domain.access import AccessMode, Caller, ModelAccess
from falaj.domain.clock import SystemClock
from falaj.entrypoints.container_gate import gates_of
from falaj.errors import ConfigurationError, ForbiddenError, UnauthenticatedError

MODELS = {
    "vision": ModelAccess(
        model="vision", invoke=("model:vision:invoke",), tenants=("123456789012",)
    )
}
SUBJECT = {"x-amzn-mtls-clientcert-subject": "CN=acme,O=Acme,C=AE"}
ACCOUNT = "123456789012"


def who(headers, **gate):
    """Whom a gate takes a caller for."""
    made = Gate(mode=AccessMode.IAM, models=MODELS, **gate)
    return asyncio.run(made.caller(headers))


@pytest.mark.parametrize("told", [ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/somebody"])
def test_behind_an_api_the_account_that_has_signed_is_the_tenant(told):
    """As the functions have it."""
    assert who({"x-falaj-tenant": told}, has_api=True).tenant == ACCOUNT


@pytest.mark.parametrize(
    "headers", [{}, {"x-falaj-tenant": ""}, {"x-falaj-tenant": "a b"}, SUBJECT]
)
def test_behind_an_api_that_names_nobody_nobody_is_known(headers):
    """It was left open, or it is not what asks."""
    with pytest.raises(UnauthenticatedError):
        who(headers, has_api=True)


def test_a_verified_certificate_names_the_tenant():
    """Its common name."""
    caller = who(SUBJECT, has_certificates=True)

    assert (caller.tenant, caller.subject) == ("acme", SUBJECT["x-amzn-mtls-clientcert-subject"])


@pytest.mark.parametrize("headers", [{}, SUBJECT, {"x-falaj-tenant": "acme"}])
def test_without_a_balancer_that_verifies_no_certificate_is_believed(headers):
    """Anybody could have written it."""
    with pytest.raises(UnauthenticatedError):
        who(headers)


@pytest.mark.parametrize(
    ("caller", "operation", "model"),
    [
        (Caller(tenant=ACCOUNT, scopes=frozenset({"model:vision:read"})), "infer", "vision"),
        (Caller(tenant="globex"), "infer", "vision"),
        (Caller(tenant=ACCOUNT), "infer", "another"),
        (Caller(tenant=ACCOUNT, scopes=frozenset({"model:vision:invoke"})), "", ""),
    ],
)
def test_who_may_not_is_refused(caller, operation, model):
    """No scope for the action, another tenant's, a model of no known access, no route at all."""
    gate = Gate(mode=AccessMode.JWT, models=MODELS)
    with pytest.raises(ForbiddenError):
        asyncio.run(gate.let_in(caller, asked_by_name(operation, model)))


def test_where_nobody_is_asked_there_is_no_gate():
    """A container alone, as it is started for a look."""
    gates = gates_of(clock=SystemClock(), environment={})

    assert (gates.rest, gates.grpc) == (None, None)


def test_tokens_without_an_issuer_keep_a_container_from_starting():
    """It could let nobody in, or everybody."""
    settings = AccessSettings(mode=AccessMode.JWT, models=MODELS).to_dict()
    with pytest.raises(ConfigurationError, match="no replica's"):
        gates_of(clock=SystemClock(), environment={"FALAJ_ACCESS": json.dumps(settings)})
