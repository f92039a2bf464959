"""Promise: an auditor verifies a trail with one command, and a tenant is erased with another."""

import pytest

from falaj.contract import (
    AUDIT_PURPOSE,
    CAPTURE_KEYS_ROOT,
    SHED_PARAMETER,
    bucket_name_parameter,
    key_arn_parameter,
)
from falaj.entrypoints.audit_recorder import CHECKPOINT
from tests.cli.test_publishing import Aws, endpoint
from tests.falaj.capture.conftest import BUCKET, World, line

__all__ = ["endpoint"]
PERSON = "784-1990-1234567-1"


@pytest.fixture
def aws(endpoint, monkeypatch):
    """A region that keeps a data key, and no trail yet."""
    monkeypatch.setenv("FALAJ_AWS_PORT", endpoint.rpartition(":")[2])
    region = Aws(endpoint)
    region.name(key_arn_parameter("data"), region.kms.create_key()["KeyMetadata"]["Arn"])
    return region


@pytest.fixture
def copy(tmp_path):
    """A whole trail and its key, as files."""
    world = World()
    recorder = world.recorder()
    recorder(world.delivery(line(1), line(2)))
    recorder(CHECKPOINT)
    for key, content in world.objects().items():
        path = tmp_path / "trail-copy" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "key.der").write_bytes(world.signer.key.der)
    world.aws.close()
    return tmp_path / "trail-copy", tmp_path / "key.der"


def test_a_copy_is_verified_offline(falaj, copy):
    """No region is asked."""
    folder, key = copy
    said = falaj("audit", "verify", "--folder", str(folder), "--public-key", str(key), "--json")

    assert (said.exit, said.document["ok"], said.document["records"]) == (0, True, 2)


def test_a_changed_byte_is_the_gates_no(falaj, copy):
    """Exit 3, and the file is named."""
    folder, key = copy
    path = next(folder.rglob("trail/**/*.jsonl"))
    path.write_bytes(path.read_bytes().replace(b'"ok"', b'"no"', 1))
    said = falaj("audit", "verify", "--folder", str(folder), "--public-key", str(key))

    assert said.exit == 3
    assert "0000000000.jsonl was changed" in said.out.replace("\n", "")


def test_a_regions_trail_is_verified_and_saved(falaj, aws, copy, tmp_path):
    """What is saved verifies again, offline; its checkpoints have stopped long ago."""
    folder, key = copy
    bucket = f"{BUCKET}-{aws.key[-8:]}"
    aws.s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "me-central-1"}
    )
    aws.name(bucket_name_parameter(AUDIT_PURPOSE), bucket)
    aws.name(key_arn_parameter(AUDIT_PURPOSE), aws.key)
    for path in folder.rglob("*.jsonl"):
        name = path.relative_to(folder).as_posix()
        aws.s3.put_object(Bucket=bucket, Key=name, Body=path.read_bytes())
    saved = tmp_path / "saved"
    live = falaj("audit", "verify", "--save", str(saved))
    again = falaj("audit", "verify", "--folder", str(saved), "--public-key", str(key))

    assert live.exit == 3  # the region's key is not the one that signed
    assert "somebody else has signed it" in live.out.replace("\n", " ")
    assert again.exit == 0


def test_a_tenants_life(falaj, aws):
    """A key, the next one, who is who under both, an erasure, and nobody can say."""
    for _ in range(2):
        assert falaj("audit", "new-key", "bank").exit == 0
    before = falaj("audit", "who", "bank", PERSON, "--json").document["pseudonyms"]
    dry = falaj("audit", "erase", "bank", "--dry-run", "--json").document
    gone = falaj("audit", "erase", "bank", "--json").document
    after = falaj("audit", "who", "bank", PERSON)

    assert len(set(before)) == 2
    assert (len(dry["would"]), dry["destroyed"], len(gone["destroyed"])) == (2, [], 2)
    assert after.exit == 3
    assert not aws.ssm.get_parameters_by_path(Path=CAPTURE_KEYS_ROOT)["Parameters"]


def test_a_profile_without_a_trail_is_told(falaj, aws):
    """The small business keeps none."""
    names = [bucket_name_parameter(AUDIT_PURPOSE), key_arn_parameter(AUDIT_PURPOSE)]
    aws.ssm.delete_parameters(Names=names)
    said = falaj("audit", "verify")

    assert said.exit == 2
    assert "profile enterprise keeps the audit trail" in said.err


def test_an_older_copy_is_told_by_its_head_and_age(falaj, copy):
    """The auditor keeps what was printed apart from the trail."""
    folder, key = copy
    words = ("audit", "verify", "--folder", str(folder), "--public-key", str(key), "--json")
    head = falaj(*words).document["head"]
    late = falaj(*words, "--as-of", "2026-11-22T16:00Z").document["faults"]
    path = next(folder.glob("checkpoints/all/*"))
    path.unlink()
    gone = falaj(*words, "--head", head).document["faults"]

    assert head.startswith("0:")
    assert "the checkpoints end at" in late[0]
    assert any("was put back to an older state" in fault for fault in gone)


@pytest.mark.parametrize(
    "words",
    [
        ("--folder", "x"),
        ("--public-key", "x"),
        ("--head", "7"),
        ("--as-of", "2026-11-22"),
        ("--folder", "x", "--public-key", "x", "--as-of", "noon"),
    ],
)
def test_half_an_offline_examination_is_misuse(falaj, words):
    """A copy and its key go together."""
    assert falaj("audit", "verify", *words).exit == 2


def test_shedding_is_one_word(falaj, aws):
    """What functions read is what was said; nothing changes on a dry run."""
    aws.name(SHED_PARAMETER, "auto")
    dry = falaj("shed", "2", "--dry-run", "--json").document
    done = falaj("shed", "2", "--json").document
    kept = aws.ssm.get_parameter(Name=SHED_PARAMETER)["Parameter"]["Value"]

    assert (dry, done, kept) == (
        {"before": "auto", "admitted": "auto"},
        {"before": "auto", "admitted": "2"},
        "2",
    )
    assert falaj("shed", "auto", "--json").document == {"before": "2", "admitted": "auto"}
    assert [falaj("shed", word).exit for word in ("0", "6", "all")] == [2, 2, 2]
