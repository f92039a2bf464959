"""What the watch found is told by exit, by document and by page."""

import json

import boto3
import pytest
from moto.server import ThreadedMotoServer

from cli.exits import Exit
from falaj.aws.drift_store import DriftStore
from falaj.contract import DRIFT_PURPOSE, REGION, bucket_name_parameter

BUCKET = "drift-counts"


def report(version, state, psi):
    """Make a report of one feature with an Arabic name."""
    return {
        "at": "2026-11-22T12:00:00+00:00",
        "reference": "d" * 64,
        "model": "churn",
        "version": version,
        "state": state,
        "drifted": ["العمر"] if state == "drifted" else [],
        "psi": psi,
        "rules": {"window_s": 3600, "delta": 0.1, "false_alarm": 0.01},
        "windows": [{"since": 0, "rows": 100, "shifted": [], "counts": [[50, 50, 0]]}],
        "features": [
            {
                "name": "العمر",
                "side": "input",
                "drifted": state == "drifted",
                "shifted": state == "drifted",
                "psi": psi,
                "chi_squared": 1.0,
                "degrees": 1,
                "p_value": 0.3,
                "labels": ["below 1", "1 or more", "no value"],
                "reference": [50, 50, 0],
                "counts": [50, 50, 0],
            }
        ],
    }


@pytest.fixture(scope="module")
def endpoint():
    """AWS's services on a port of this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture
def keep(endpoint, monkeypatch):
    """Keep reports where the watch does."""
    host, port = endpoint
    monkeypatch.setenv("FALAJ_AWS_PORT", str(port))
    given = {
        "endpoint_url": f"http://{host}:{port}",
        "region_name": REGION,
        "aws_access_key_id": "local",
        "aws_secret_access_key": "local",
    }
    s3, ssm = boto3.client("s3", **given), boto3.client("ssm", **given)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    ssm.put_parameter(
        Name=bucket_name_parameter(DRIFT_PURPOSE), Value=BUCKET, Type="String", Overwrite=True
    )

    def write(*documents):
        for each in documents:
            text = json.dumps(each)
            DriftStore(s3, BUCKET).write_report("churn", each["version"], document=text, page="")

    yield write
    for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        s3.delete_object(Bucket=BUCKET, Key=entry["Key"])
    s3.delete_bucket(Bucket=BUCKET)


@pytest.mark.parametrize(
    ("states", "exit_"),
    [
        (("steady", "drifted"), Exit.REFUSED),
        (("steady", "not_enough"), Exit.INCONCLUSIVE),
        (("steady",), Exit.PASSED),
        ((), Exit.INCONCLUSIVE),
    ],
)
def test_the_exit_says_whether_anything_drifted(falaj, keep, states, exit_):
    """A pipeline reads no table."""
    keep(*(report(number, state, 0.2) for number, state in enumerate(states, start=1)))
    said = falaj("drift", "status", "--json")
    found = [each["state"] for each in said.document["versions"]]
    assert (said.exit, found) == (exit_, list(states))


def test_a_report_is_the_newest_versions(falaj, keep, tmp_path):
    """Its page has the feature in its own script."""
    keep(report(1, "steady", 0.01), report(2, "drifted", 0.4))
    page = tmp_path / "drift.html"
    said = falaj("drift", "report", "churn", "--html", str(page), "--json")
    assert (said.exit, said.document["version"]) == (Exit.REFUSED, 2)
    assert '<bdi dir="auto">العمر</bdi>' in page.read_text("utf-8")


def test_a_model_without_a_report_is_said(falaj, keep):
    """With what to look at instead."""
    keep(report(1, "steady", 0.01))
    said = falaj("drift", "report", "plain", "--json")
    assert (said.exit, "falaj drift status" in said.document["error"]) == (Exit.MISUSE, True)
