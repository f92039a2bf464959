"""Promise: a signature is believed exactly when the key's holder made it over these very bytes."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from hypothesis import given, strategies as st

from falaj.domain import p256
from falaj.domain.publisher import PublisherKey, is_fingerprint, manifest_statement

VECTORS = Path(__file__).parent / "data" / "wycheproof-p256-sha256.json"
SHA256 = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
KEYS = [ec.derive_private_key(secret, ec.SECP256R1()) for secret in (1, 2, p256.N - 1, 0xFA1A7)]


def point(private):
    """The public point of a key."""
    numbers = private.public_key().public_numbers()
    return numbers.x, numbers.y


def spki(private):
    """Its public half, as KMS hands it out."""
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def test_every_published_attack_is_decided_as_published():
    """484 cases: broken encodings, edge values, special points, signatures of zero and infinity."""
    wrong = [
        (number, comment)
        for group in json.loads(VECTORS.read_text())
        for number, comment, message, signature, is_valid in group["cases"]
        if p256.is_signed(
            (int(group["x"], 16), int(group["y"], 16)),
            bytes.fromhex(message),
            bytes.fromhex(signature),
        )
        is not is_valid
    ]

    assert wrong == []


@given(st.sampled_from(KEYS), st.binary(max_size=300))
def test_what_another_library_signs_is_believed(private, message):
    """The base point itself, its negative and doubles included."""
    assert p256.is_signed(point(private), message, private.sign(message, SHA256))


@given(st.sampled_from(KEYS), st.binary(min_size=1), st.data())
def test_one_changed_bit_is_enough(private, message, data):
    """In the message or in the signature."""
    signature = private.sign(message, SHA256)
    place = data.draw(st.integers(0, 8 * (len(message) + len(signature)) - 1))
    both = bytearray(message + signature)
    both[place // 8] ^= 1 << place % 8

    assert not p256.is_signed(
        point(private), bytes(both[: len(message)]), bytes(both[len(message) :])
    )


@given(st.binary(max_size=80))
def test_no_bytes_at_all_make_it_stumble(signature):
    """What is no signature signs nothing, and raises nothing."""
    assert not p256.is_signed(p256.G, b"message", signature)


@pytest.mark.parametrize("r", [0, 1, p256.N, p256.N + 1])
@pytest.mark.parametrize("s", [0, p256.N])
def test_numbers_out_of_range_sign_nothing(r, s):
    """Zero would make every message signed."""
    assert not p256.is_signed(p256.G, b"message", utils.encode_dss_signature(r, s))


def test_a_key_is_read_as_kms_hands_it_out():
    """SubjectPublicKeyInfo, uncompressed; its sha256 is what settings pin."""
    private = KEYS[3]
    key = PublisherKey(spki(private))
    statement = manifest_statement(b'{"name": "churn"}')

    assert is_fingerprint(key.fingerprint)
    assert key.vouches_for(b'{"name": "churn"}', private.sign(statement, SHA256))


def test_a_signature_of_something_else_is_none_of_a_manifest():
    """The same key may sign other statements, even one that is the manifest itself."""
    private, manifest = KEYS[3], b'{"name": "churn"}'

    assert not PublisherKey(spki(private)).vouches_for(manifest, private.sign(manifest, SHA256))


@pytest.mark.parametrize(
    "spoil",
    [lambda der: der[:-1], lambda der: der + b"\0", lambda _: b""],
    ids=["short", "long", "empty"],
)
def test_a_key_of_another_form_is_refused(spoil):
    """Nothing is guessed of a key."""
    with pytest.raises(ValueError, match="P-256"):
        PublisherKey(spoil(spki(KEYS[3])))


def test_a_point_off_the_curve_is_refused():
    """Its arithmetic would be another group's."""
    der = bytearray(spki(KEYS[3]))
    der[-1] ^= 1
    with pytest.raises(ValueError, match="P-256"):
        PublisherKey(bytes(der))


def test_a_key_on_another_curve_is_refused():
    """P-384 is as good a curve, and not this one."""
    with pytest.raises(ValueError, match="P-256"):
        PublisherKey(spki(ec.generate_private_key(ec.SECP384R1())))
