"""Promise: only a token that one of the issuer's own keys has signed is read at all."""

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor, wait

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from falaj.errors import DependencyError, UnauthenticatedError
from falaj.http.tokens import (
    PATIENCE_S,
    REFRESH_S,
    KeySet,
    bearer_token,
    read_keys,
    verified_claims,
)
from local_region.issuer import LocalIssuer
from tests.falaj.clocks import StandingClock

PINNED = ("RS256",)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    """An issuer with a key of its own."""
    return LocalIssuer.open(tmp_path_factory.mktemp("issuer"))


@pytest.fixture(scope="module")
def private(issuer):
    """The issuer's private key, which only these tests may see."""
    return issuer._key


@pytest.fixture
def clock():
    """Noon."""
    return StandingClock()


@pytest.fixture
def keys(issuer, clock):
    """The issuer's keys as an authorizer holds them."""
    return KeySet(lambda: issuer.key_set, algorithms=PINNED, clock=clock)


def segment(value):
    """Encode as a token's part."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_signed_token_is_read(issuer, keys, clock):
    """Claims come back as they were said."""
    claims = verified_claims(issuer.token(clock=clock, scopes=["a"]), keys, PINNED)

    assert (claims["tenant"], claims["scope"]) == ("acme", "a")


def test_times_are_left_to_the_claims_check(issuer, keys, clock):
    """An old token's signature still holds; whether it counts is decided by our clock."""
    assert verified_claims(issuer.token(clock=clock, exp=1), keys, PINNED)["exp"] == 1


def forged_none(private, public):
    """`alg: none`, as the first of all attacks."""
    del private, public
    return f"{segment({'alg': 'none', 'kid': 'this-machine'})}.{segment({'iss': 'x'})}."


def forged_hmac(private, public):
    """The public key as an HMAC's secret."""
    del private
    import hashlib
    import hmac

    text = f"{segment({'alg': 'HS256', 'kid': 'this-machine'})}.{segment({'iss': 'x'})}"
    tag = hmac.new(public, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(tag).rstrip(b'=').decode()}"


def other_algorithm(private, public):
    """The right key, by an algorithm that nobody pinned."""
    del public
    return jwt.encode({}, private, algorithm="RS512", headers={"kid": "this-machine"})


def other_key(private, public):
    """Somebody else's key under the right id."""
    del private, public
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode({}, own, algorithm="RS256", headers={"kid": "this-machine"})


def unknown_kid(private, public):
    """A key that the issuer never published."""
    del public
    return jwt.encode({}, private, algorithm="RS256", headers={"kid": "../../etc/passwd"})


def no_kid(private, public):
    """No key named."""
    del public
    return jwt.encode({}, private, algorithm="RS256")


def own_jwk(private, public):
    """A key that the token brings along."""
    del private, public
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(own.public_key(), as_dict=True)
    return jwt.encode({}, own, algorithm="RS256", headers={"kid": "mine", "jwk": jwk})


def key_address(private, public):
    """A key to be fetched from the attacker."""
    del private, public
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    headers = {"kid": "mine", "jku": "http://169.254.169.254/latest/meta-data/"}
    return jwt.encode({}, own, algorithm="RS256", headers=headers)


def critical(private, public):
    """An extension that we must understand, and do not."""
    del public
    headers = {"kid": "this-machine", "crit": ["b64"], "b64": True}
    return jwt.encode({}, private, algorithm="RS256", headers=headers)


def other_type(private, public):
    """A signed thing of another kind."""
    del public
    headers = {"kid": "this-machine", "typ": "logout+jwt"}
    return jwt.encode({}, private, algorithm="RS256", headers=headers)


FORGERIES = (
    forged_none,
    forged_hmac,
    other_algorithm,
    other_key,
    unknown_kid,
    no_kid,
    own_jwk,
    key_address,
    critical,
    other_type,
)


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda f: f.__name__)
def test_a_forged_token_is_nobody(forge, private, keys):
    """Each classic, against the real library."""
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    with pytest.raises(UnauthenticatedError):
        verified_claims(forge(private, public), keys, PINNED)


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "....", "é.é.é", "e30.e30.", "\x00"])
def test_rubbish_is_nobody(text, keys):
    """Not an error of ours."""
    with pytest.raises(UnauthenticatedError):
        verified_claims(text, keys, PINNED)


def test_a_changed_claim_breaks_the_signature(issuer, keys, clock):
    """One letter of the payload."""
    head, _, tail = issuer.token(clock=clock).split(".")

    with pytest.raises(UnauthenticatedError, match="signature"):
        verified_claims(f"{head}.{segment({'tenant': 'globex'})}.{tail}", keys, PINNED)


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer", "Bearer " + "x" * 8193])
def test_a_missing_or_endless_token_is_not_looked_at(header):
    """Bounded before anything is decoded."""
    if header == "Bearer":
        assert bearer_token(header) == "Bearer"  # a token may come without the word
        return
    with pytest.raises(UnauthenticatedError):
        bearer_token(header)


class Shelf:
    """A key set that changes, fails, and counts who looks."""

    def __init__(self, text):
        self.text, self.looks = text, 0

    def fetch(self):
        """Return the text, or fail."""
        self.looks += 1
        if self.text is None:
            raise DependencyError(service="ssm", doing="answer", reason="dark")
        return self.text


def test_keys_are_kept_and_read_again_after_a_while(issuer, clock):
    """A withdrawn key signs no more after five minutes."""
    shelf = Shelf(issuer.key_set)
    keys = KeySet(shelf.fetch, algorithms=PINNED, clock=clock)

    for _ in range(100):
        keys.key("this-machine")
    clock.advance(REFRESH_S)
    keys.key("this-machine")

    assert shelf.looks == 2


def test_strange_kids_cannot_make_us_ask_without_end(issuer, clock):
    """A thousand unknown ids are one look every thirty seconds."""
    shelf = Shelf(issuer.key_set)
    keys = KeySet(shelf.fetch, algorithms=PINNED, clock=clock)

    for number in range(1000):
        keys.key(f"unknown-{number}")
        clock.advance(PATIENCE_S / 1000)

    assert shelf.looks <= 3


def test_a_new_key_is_found_at_once(issuer, clock, tmp_path):
    """Rotation: the issuer publishes, then signs."""
    shelf = Shelf(issuer.key_set)
    keys = KeySet(shelf.fetch, algorithms=PINNED, clock=clock)
    keys.key("this-machine")
    renamed = LocalIssuer.open(tmp_path).key_set.replace("this-machine", "next")

    shelf.text = renamed
    clock.advance(PATIENCE_S)

    assert keys.key("next") is not None


def test_known_keys_outlive_an_outage(issuer, clock):
    """SSM is dark for ten minutes: tokens go on being checked."""
    shelf = Shelf(issuer.key_set)
    keys = KeySet(shelf.fetch, algorithms=PINNED, clock=clock)
    keys.key("this-machine")

    shelf.text = None
    clock.advance(600)

    assert keys.key("this-machine") is not None


def test_without_any_key_it_is_our_fault(clock):
    """Not the caller's: 500, not 401."""
    keys = KeySet(Shelf(None).fetch, algorithms=PINNED, clock=clock)

    with pytest.raises(DependencyError, match="issuer's keys"):
        keys.key("this-machine")


def test_a_private_key_in_the_set_is_refused():
    """Somebody published what must stay secret."""
    entry = {"kid": "k", "kty": "oct", "k": "c2VjcmV0", "alg": "RS256"}

    with pytest.raises(ValueError, match="private parts"):
        read_keys(json.dumps({"keys": [entry]}), PINNED)


def test_a_weak_key_is_refused():
    """1,024 bits."""
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()  # noqa: S505 - the weak one
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(weak, as_dict=True) | {"kid": "k", "alg": "RS256"}
    jwk.pop("key_ops", None)

    with pytest.raises(ValueError, match="fewer than 2048 bits"):
        read_keys(json.dumps({"keys": [jwk]}), PINNED)


def test_keys_of_other_kinds_are_left_out(issuer):
    """An elliptic key, an encryption key and one without id beside the right one."""
    own = json.loads(issuer.key_set)["keys"][0]
    curve = jwt.algorithms.ECAlgorithm.to_jwk(
        ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True
    )
    others = [
        curve | {"kid": "curve", "alg": "ES256"},
        own | {"kid": "enc", "use": "enc"},
        {key: value for key, value in own.items() if key != "kid"},
        own | {"kid": "plain", "alg": None},
    ]

    found = read_keys(json.dumps({"keys": [*others, own]}), PINNED)

    assert sorted(found) == ["plain", "this-machine"]


@pytest.mark.parametrize("text", ["[]", "{}", '{"keys": {}}', '{"keys": []}', '{"keys": [7]}'])
def test_what_is_no_key_set_is_refused(text):
    """With a sentence."""
    with pytest.raises(ValueError, match=r"key"):
        read_keys(text, PINNED)


def test_nobody_is_refused_while_keys_are_being_read(issuer, clock):
    """A container's first requests come together, and one of them reads the keys for all."""
    reading, may_answer = threading.Event(), threading.Event()

    def fetch():
        reading.set()
        assert may_answer.wait(60)
        return issuer.key_set

    keys = KeySet(fetch, algorithms=PINNED, clock=clock)
    token = issuer.token(clock=clock)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(verified_claims, token, keys, PINNED)
        assert reading.wait(60)
        second = pool.submit(verified_claims, token, keys, PINNED)
        # Whoever is answered before the keys are there is refused; the longer, the surer it is.
        wait([second], timeout=0.2)
        may_answer.set()

        assert first.result()["tenant"] == second.result()["tenant"] == "acme"
