"""Promise: what is published is signed by a key in KMS, lies there once, and can be deployed."""

import json
import shutil
from itertools import count

import boto3
import pytest
from moto.server import ThreadedMotoServer

from catalogue.building import BuiltVersion, built_version
from catalogue.signing import LocalSigner, remembered_key, signature_at
from falaj.contract import (
    MANIFESTS_PURPOSE,
    REGION,
    bucket_name_parameter,
    key_arn_parameter,
)
from falaj.domain.publisher import PublisherKey
from tests.falaj.platform_front import ROOT

_NUMBERS = count()


class Aws:
    """A region with a publisher's key and two buckets, as the foundation makes them."""

    def __init__(self, endpoint):
        number = next(_NUMBERS)
        self.s3, self.kms, self.ssm = (self._client(n, endpoint) for n in ("s3", "kms", "ssm"))
        self.buckets = {purpose: f"{purpose}-{number}" for purpose in ("models", "registry")}
        for purpose, bucket in self.buckets.items():
            place = {"LocationConstraint": REGION}
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
            self.name(bucket_name_parameter(purpose), bucket)
        self.key = self.new_key()
        self.name(key_arn_parameter(MANIFESTS_PURPOSE), self.key)

    @staticmethod
    def _client(service, endpoint):
        return boto3.client(
            service,
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    def name(self, parameter, value):
        """Write a parameter."""
        self.ssm.put_parameter(Name=parameter, Value=value, Type="String", Overwrite=True)

    def new_key(self, spec="ECC_NIST_P256"):
        """Make a key that signs."""
        made = self.kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")
        return made["KeyMetadata"]["Arn"]

    def public(self, key=None):
        """The public half, as KMS tells it."""
        return PublisherKey(self.kms.get_public_key(KeyId=key or self.key)["PublicKey"])

    def objects(self, purpose):
        """Every object of a bucket."""
        bucket = self.buckets[purpose]
        listed = self.s3.list_objects_v2(Bucket=bucket).get("Contents", ())
        return {
            entry["Key"]: self.s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            for entry in listed
        }


@pytest.fixture(scope="module")
def endpoint():
    """AWS's services on a port of this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(endpoint, monkeypatch):
    """A region, which the command finds by its setting."""
    monkeypatch.setenv("FALAJ_AWS_PORT", endpoint.rpartition(":")[2])
    return Aws(endpoint)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository of one's own with one model, built before."""
    name = "breast-cancer"
    shutil.copytree(ROOT / "models" / name, tmp_path / "models" / name)
    shutil.copytree(ROOT / ".build/models" / name, tmp_path / ".build/models" / name)
    (tmp_path / "app.py").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def folder(checkout, version=1):
    """Where a version is built."""
    found: BuiltVersion = built_version(checkout / ".build", "breast-cancer", version)
    return found.folder


def test_sign_makes_what_packaging_finds(falaj, checkout, aws):
    """Every version, by the key of the foundation, whose fingerprint is told for the pin."""
    said = falaj("models", "sign", "--json")
    key = remembered_key(checkout / ".build", said.document["publisher"])

    assert (said.exit, key) == (0, aws.public())
    assert [row["version"] for row in said.document["signed"]] == [1, 2]
    assert all(signature_at(folder(checkout, version), key).is_file() for version in (1, 2))


def test_sign_leaves_the_throw_away_signature(falaj, checkout, aws):
    """What runs on this machine goes on running."""
    assert falaj("models", "sign").exit == 0
    rows = falaj("models", "keys", "--json").document["keys"]

    assert {row["fingerprint"]: row["is_throw_away"] for row in rows} == {
        LocalSigner(checkout / ".build").key.fingerprint: True,
        aws.public().fingerprint: False,
    }


def test_a_dry_run_signs_nothing(falaj, checkout, aws):
    """It says what it would do."""
    said = falaj("models", "publish", "--dry-run", "--json")

    assert [row["version"] for row in said.document["would"]] == [1, 2]
    assert (aws.objects("models"), aws.objects("registry")) == ({}, {})
    assert not (checkout / ".build/keys" / f"{aws.public().fingerprint}.der").exists()


@pytest.mark.usefixtures("checkout")
def test_publish_writes_a_version_whole(falaj, aws):
    """Model, manifest and a signature that verifies, each under the version's own name."""
    assert falaj("models", "publish").exit == 0
    registry = aws.objects("registry")

    assert sorted(aws.objects("models")) == [f"breast-cancer/{v}/model.onnx" for v in (1, 2)]
    assert aws.public().vouches_for(
        registry["breast-cancer/1/manifest.json"], registry["breast-cancer/1/manifest.sig"]
    )


def test_publishing_again_changes_nothing(falaj, checkout, aws):
    """Another machine's signature of the same text is no other version."""
    falaj("models", "publish")
    before = aws.objects("registry")
    shutil.rmtree(folder(checkout) / "signatures")

    assert falaj("models", "publish").exit == 0
    assert aws.objects("registry") == before


def test_a_published_version_never_changes(falaj, checkout, aws):
    """Other bytes under a published name are refused by the gate's exit status."""
    falaj("models", "publish")
    manifest = folder(checkout) / "manifest.json"
    changed = json.loads(manifest.read_text())
    changed["facts"]["note"] = "built again"
    manifest.write_text(json.dumps(changed))
    before = aws.objects("registry")
    said = falaj("models", "publish")

    assert said.exit == 3
    assert "breast-cancer 1 was published with other bytes" in said.err
    assert aws.objects("registry") == before


@pytest.mark.usefixtures("checkout")
def test_a_key_on_another_curve_is_misuse(falaj, aws):
    """Functions check P-256 and nothing else."""
    said = falaj("models", "sign", "--key", aws.new_key("ECC_NIST_P384"))

    assert said.exit == 2
    assert "P-256" in said.err


@pytest.mark.usefixtures("checkout")
def test_without_a_foundation_it_says_what_to_deploy(falaj, aws):
    """The key is made before it can sign."""
    aws.ssm.delete_parameter(Name=key_arn_parameter(MANIFESTS_PURPOSE))
    said = falaj("models", "sign")

    assert said.exit == 2
    assert "deploy FalajFoundation first" in said.err
