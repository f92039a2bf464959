"""An auditor makes a decision again, offline, and sees who signed it; a forgery shows."""

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cli.rollout.replaying import check
from falaj.domain.decision import decide
from falaj.domain.plan import GuardSettings
from falaj.domain.verdict import BadEvents, Counts
from falaj.guard import Guard
from tests.falaj.domain.rollout_world import EPOCH, later, settle
from tests.falaj.domain.test_rollout import world_with


@pytest.fixture
def record():
    """Three failures after a share of 5 %, as the guard judged them."""
    world = world_with()
    settle(world, EPOCH)
    bad = (BadEvents(objective="error", candidate=3, stable=0),)
    counts = (Counts(share=0.05, candidate_requests=3, stable_requests=57, bad=bad),)
    verdict = Guard.from_settings(GuardSettings()).verdict(counts)
    return decide(world.load(), replace(world.observe(), counts=counts, verdict=verdict), later(61))


@pytest.fixture
def path(record, tmp_path):
    """The record as it lies in S3."""
    path = tmp_path / "4.json"
    path.write_text(record.to_json(), encoding="utf-8")
    return path


def tampered(path, change):
    """Change the JSON and write it back in the canonical form, as a forger would."""
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    path.write_text(text, encoding="utf-8")


def test_record_replays(falaj, path):
    """What was done is what its inputs lead to."""
    said = falaj("rollout", "replay", str(path), "--json")

    assert said.exit == 0
    assert said.document["same"] is True
    assert said.document["phase"] == "rolled_back"


def test_every_record_of_a_rollout_replays(falaj, region, tmp_path):
    """Fetched from S3 with the key that signed them, each is checked offline."""
    region.keep_records()
    saved = falaj("rollout", "history", "m", "--save", str(tmp_path), "--json").document["saved"]
    records = sorted(tmp_path.glob("*.json"))

    region.stop_answering()

    assert len(records) == len(region.controller.world.records) == 3
    assert len(saved) == 7
    for one in records:
        said = falaj(
            *("rollout", "replay", str(one), "--signature", str(one.with_suffix(".sig"))),
            *("--public-key", str(tmp_path / "public-key.pem"), "--json"),
        )
        assert said.exit == 0, said.out
        assert len(said.document["signed_by"]) == 64


def test_forged_counts_show(falaj, path):
    """Somebody makes the failures smaller."""
    tampered(path, lambda r: r["observation"].update(counts=[]))

    said = falaj("rollout", "replay", str(path))

    assert said.exit == 3
    assert "verdict.outcome was 'roll_back', recomputed 'inconclusive'" in said.out


def test_forged_outcome_shows(falaj, path):
    """Somebody writes that nothing happened."""
    tampered(path, lambda r: r["after"].update(phase="promoted"))

    said = falaj("rollout", "replay", str(path), "--json")

    assert said.exit == 3
    assert "rollout.phase was 'promoted', recomputed 'rolled_back'" in said.document["differences"]


def test_second_key_of_the_same_name_shows(falaj, path):
    """JSON lets a key stand twice; a reader sees the first, a parser the last."""
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('{"actions":', '{"actions":[],"actions":', 1), encoding="utf-8")

    said = falaj("rollout", "replay", str(path))

    assert said.exit == 3
    assert "not the one canonical text" in said.out


def test_impossible_counts_show(falaj, path):
    """Inputs that lead to no decision are no record of one."""

    def change(value):
        value["observation"]["counts"][0]["bad"][0]["candidate"] = -3

    tampered(path, change)

    said = falaj("rollout", "replay", str(path))

    assert said.exit == 3
    assert "lead to no decision" in said.out


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"is":"Rollout"}', "\xff"])
def test_something_else_is_no_record(falaj, tmp_path, text):
    """A wrong file is told apart from a forged one."""
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("latin-1"))

    said = falaj("rollout", "replay", str(path))

    assert said.exit == 1
    assert "that is no decision record" in said.err


def test_missing_file_is_misuse(falaj, tmp_path):
    """With the name of the file."""
    said = falaj("rollout", "replay", str(tmp_path / "none.json"))

    assert said.exit == 2
    assert "none.json" in said.err


def test_signature_needs_a_key(falaj, path):
    """One without the other proves nothing."""
    assert falaj("rollout", "replay", str(path), "--signature", str(path)).exit == 2


def test_stranger_cannot_sign(region):
    """A record signed with another key is refused, however right its content."""
    region.keep_records()
    stranger = ec.generate_private_key(ec.SECP256R1()).public_key()
    s3 = region.backends.client("s3")
    text, signature = (
        s3.get_object(Bucket="decided", Key=f"decisions/m/3.{kind}")["Body"].read()
        for kind in ("json", "sig")
    )
    pem = stranger.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    checked = check(text, signature=signature, public_key=pem)

    assert checked.differences == ("the signature is not this key's over these bytes",)
    assert checked.signed_by == ""


@pytest.mark.parametrize("curve", [ec.SECP256K1(), ec.SECP384R1()], ids=lambda c: c.name)
def test_key_on_another_curve_is_refused(falaj, path, tmp_path, curve):
    """Records are signed on P-256."""
    key = tmp_path / "key.der"
    public = ec.generate_private_key(curve).public_key()
    key.write_bytes(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    said = falaj("rollout", "replay", str(path), "--signature", str(path), "--public-key", str(key))

    assert said.exit == 1
    assert "P-256" in said.err


def test_garbage_is_no_key(falaj, path):
    """A wrong file in the place of the key."""
    said = falaj(
        "rollout", "replay", str(path), "--signature", str(path), "--public-key", str(path)
    )

    assert said.exit == 1
    assert "no public key" in said.err
