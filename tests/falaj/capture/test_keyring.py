"""Promise: a pseudonym is the same for the same person while the key lives, and nobody's after."""

import itertools

import pytest
from botocore.exceptions import EndpointConnectionError

from falaj.aws.capture_keys import CaptureKeys
from falaj.capture.keyring import KeyRing, TenantKey
from falaj.contract import CAPTURE_KEYS_ROOT
from falaj.errors import DependencyError

PERSON = "784-1990-1234567-1"


@pytest.fixture
def keys(world):
    """Tenants' keys in SSM; secrets are counted instead of drawn, so that tests can name them."""
    count = itertools.count(1)
    return CaptureKeys(
        world.aws.client("ssm"),
        CAPTURE_KEYS_ROOT,
        randomness=lambda size: next(count).to_bytes(size, "big"),
    )


def test_the_same_person_has_the_same_name(keys):
    """For one tenant; another tenant, another person or another use is another name."""
    bank, clinic = keys.rotate("bank"), keys.rotate("clinic")

    assert bank.who(PERSON) == bank.who(PERSON)
    assert len({bank.who(PERSON), clinic.who(PERSON), bank.who("x"), bank.input(b"x")}) == 4


def test_a_key_is_found_again(keys):
    """What was written is what functions read."""
    key = keys.rotate("bank")

    assert keys.ring().current("bank") == key


def test_after_rotation_the_new_key_names_and_the_old_one_looks_up(keys):
    """An overlap: records of before and after are both found."""
    before, after = keys.rotate("bank"), keys.rotate("bank")
    ring = keys.ring()

    assert ring.current("bank") == after
    assert ring.names("bank", PERSON) == (before.who(PERSON), after.who(PERSON))


def test_two_rotations_at_once_leave_one_key_in_use(world):
    """Both are kept and look up; whoever reads them, in whatever order, names by the same one."""
    ssm = world.aws.client("ssm")
    keys = CaptureKeys(ssm, CAPTURE_KEYS_ROOT)
    keys.rotate("bank")

    class Late(CaptureKeys):
        """Has read the ring before the other wrote."""

        def ring(self):
            """As it was."""
            return before

    before = keys.ring()
    made = [Late(ssm, CAPTURE_KEYS_ROOT).rotate("bank") for _ in range(4)]
    held = keys.ring().keys["bank"]

    assert {key.number for key in made} == {2}
    assert {KeyRing.of(order).current("bank") for order in itertools.permutations(held)} == {
        held[-1]
    }
    assert len(keys.ring().names("bank", PERSON)) == 5


def test_an_erasure_that_was_interrupted_is_completed_by_the_next(world):
    """SSM goes dark after the first ten of twelve keys."""
    ssm = world.aws.client("ssm")
    keys = CaptureKeys(ssm, CAPTURE_KEYS_ROOT)
    for _ in range(12):
        keys.rotate("bank")

    class Dying:
        """Deletes once."""

        def __init__(self):
            self.left = 1

        def get_paginator(self, name):
            """As it is."""
            return ssm.get_paginator(name)

        def delete_parameters(self, Names):  # noqa: N803 - boto3's
            """Answer the first time only."""
            if not self.left:
                raise EndpointConnectionError(endpoint_url="ssm")
            self.left -= 1
            return ssm.delete_parameters(Names=Names)

    with pytest.raises(DependencyError):
        CaptureKeys(Dying(), CAPTURE_KEYS_ROOT).destroy("bank")
    assert len(keys.ring().keys["bank"]) == 2

    assert len(keys.destroy("bank")) == 2
    assert keys.ring() == KeyRing()


def test_a_parameter_that_is_no_key_keeps_nobody_from_the_others(keys, world):
    """Somebody wrote below the keys' path by hand."""
    bank = keys.rotate("bank")
    for name, text in {"zz": "text", "5eed5eed": '{"tenant": "x"}', "ab": "[]"}.items():
        world.aws.client("ssm").put_parameter(
            Name=f"{CAPTURE_KEYS_ROOT}/{name}", Value=text, Type="SecureString"
        )

    assert keys.ring() == KeyRing.of([bank])


def test_an_overlap_can_be_ended(keys):
    """Earlier keys are destroyed; the tenant goes on with its newest."""
    before, after = keys.rotate("bank"), keys.rotate("bank")

    assert keys.destroy("bank", [before.id]) == (before.id,)
    assert keys.ring().names("bank", PERSON) == (after.who(PERSON),)


def test_erasing_a_tenant_leaves_nothing_to_name_it_with(keys, world):
    """Of this tenant alone, and no history of the parameters."""
    for _ in range(12):
        keys.rotate("bank")
    clinic = keys.rotate("clinic")

    assert len(keys.destroy("bank")) == 12
    assert keys.ring() == KeyRing.of([clinic])
    assert len(world.aws.client("ssm").describe_parameters()["Parameters"]) == 1


def test_neither_names_nor_values_tell_the_tenant(keys, world):
    """A list of parameters, as audit logs of API calls show it, says nothing."""
    keys.rotate("bank")
    (parameter,) = world.aws.client("ssm").describe_parameters()["Parameters"]

    assert "bank" not in str(parameter)
    assert parameter["Type"] == "SecureString"


def test_a_secret_is_shown_nowhere(keys):
    """Not where a key is printed by mistake."""
    key = keys.rotate("bank")

    assert key.secret.hex() not in repr(key)
    assert repr(key.secret) not in repr(keys.ring())


@pytest.mark.parametrize(
    "fault",
    [{"secret": b"short"}, {"id": "5eed"}, {"number": 0}],
    ids=lambda fault: next(iter(fault)),
)
def test_a_malformed_key_is_refused(fault):
    """A key that could be guessed is none."""
    good = {"tenant": "bank", "number": 1, "id": "5eed5eed", "secret": bytes(32)}
    with pytest.raises(ValueError, match="32 bytes"):
        TenantKey(**(good | fault))
