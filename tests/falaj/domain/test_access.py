"""Promise: a token opens what its scopes name, of models that are for its tenant; nothing else."""

import pytest

from falaj.domain.access import (
    Caller,
    ModelAccess,
    allows,
    asked_for,
    refuse_unless_allowed,
    scopes_of,
)
from falaj.domain.routes import ROUTES
from falaj.errors import ForbiddenError

CHURN = ModelAccess(model="churn", invoke=("model:churn:invoke",), tenants=("acme",))
OPEN = ModelAccess(model="open", invoke=("predictions", "model:open:invoke"))
INFER = asked_for("POST", "/v2/models/churn/infer").route
METADATA = asked_for("GET", "/v2/models/churn").route
LIVE = asked_for("GET", "/v2/health/live").route


def caller(*scopes, tenant="acme"):
    """Somebody with these scopes."""
    return Caller(tenant=tenant, scopes=frozenset(scopes))


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: r.operation)
def test_every_route_asks_for_a_scope(route):
    """No route is open to whoever merely has a token."""
    assert scopes_of(route, CHURN if route.of_model else None)


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: r.operation)
def test_a_strangers_scope_opens_no_route(route):
    """Not one."""
    assert not allows(caller("model:other:invoke"), route, CHURN if route.of_model else None)


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: r.operation)
def test_each_route_is_found_by_its_path(route):
    """What the table says, the check finds."""
    path = route.path.replace("{model}", "churn").replace("{version}", "3")

    assert asked_for(route.method, path) == (route, "churn" if route.of_model else "")


@pytest.mark.parametrize(
    "path", ["/v2/models//infer", "/v2/models/churn/infer/more", "/v2/models/churn/versions//infer"]
)
def test_no_other_path_is_found(path):
    """What is not in the table is nothing that anyone may do."""
    assert asked_for("POST", path) is None


def test_who_may_run_a_model_may_read_about_it():
    """A client asks for metadata before it infers."""
    runner = caller("model:churn:invoke")

    assert allows(runner, METADATA, CHURN)


def test_who_may_read_may_not_run():
    """Not the other way round."""
    assert not allows(caller("model:churn:read"), INFER, CHURN)


def test_a_model_may_name_scopes_of_its_own():
    """`access.scopes` in model.yaml: any one of them is enough."""
    assert allows(caller("predictions"), INFER, OPEN)


def test_a_models_scopes_do_not_open_the_platform():
    """Health and catalogue have a scope of their own."""
    assert not allows(caller("model:churn:invoke"), LIVE, None)


def test_another_tenants_model_is_closed_whatever_the_scopes():
    """`access.tenants` comes first."""
    stranger = caller("model:churn:invoke", tenant="globex")

    with pytest.raises(ForbiddenError, match="not for tenant 'globex'"):
        refuse_unless_allowed(stranger, INFER, CHURN)


def test_a_refusal_names_the_scopes_that_would_do():
    """So that whoever reads it knows what to ask for."""
    with pytest.raises(ForbiddenError, match="one of the scopes predictions, model:open:invoke"):
        refuse_unless_allowed(caller(), INFER, OPEN)


def test_iam_has_decided_about_scopes():
    """A signed request has none; its tenant still counts."""
    signed = Caller(tenant="123456789012")

    assert allows(signed, INFER, OPEN)
    assert not allows(signed, INFER, CHURN)


def test_access_survives_being_written():
    """As a stack writes it and a function reads it."""
    assert ModelAccess.from_dict(CHURN.to_dict()) == CHURN
