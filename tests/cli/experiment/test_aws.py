"""`falaj experiment … --target aws` asks whomever boto3 asks, in the credentials' own name."""

import pytest

from falaj.contract import ANALYST_PARAMETER
from tests.cli.aws_shell import KEYS, lead

NAME = "m/greeting"
TO_AWS = ("--target", "aws", "--json")


@pytest.fixture
def aws(placed, monkeypatch, tmp_path):
    """The region stands for AWS: no port leads there, only what boto3 reads does."""
    lead(monkeypatch, f"http://127.0.0.1:{placed.port}", tmp_path)
    return placed


def test_every_verb_reaches_aws(falaj, aws, spec_file):
    """Started, looked at, grown, reported and stopped, and the log says by whom."""
    because = ("--reason", "why")
    lines = [
        ("start", spec_file(coverage=0.5), *because),
        ("status",),
        ("status", NAME),
        ("grow", NAME, "--coverage", "0.8", *because),
        ("report", NAME),
        ("decide", NAME, "revert", *because, "--dry-run"),
        ("stop", NAME, *because),
    ]

    exits = {line[0]: falaj("experiment", *line, *TO_AWS).exit for line in lines}

    log = aws.region.store.get("m", "greeting").log
    assert exits == dict.fromkeys(exits, 0) | {"report": 4}  # nothing is known yet
    assert {entry.actor.partition("::")[0] for entry in log} == {"arn:aws:sts"}


@pytest.mark.parametrize("name", KEYS)
def test_missing_credentials_are_named(falaj, aws, monkeypatch, name):
    """Nothing is sent, and what to set is said."""
    monkeypatch.delenv(name)

    said = falaj("experiment", "status", *TO_AWS)

    assert (said.exit, said.document["code"], aws.events) == (1, "credentials", [])


def test_wrong_account_is_named(falaj, aws):
    """Which account it is, and what is not there."""
    aws.region.plain("ssm").delete_parameter(Name=ANALYST_PARAMETER)

    said = falaj("experiment", "status", *TO_AWS)

    assert said.exit == 1
    assert said.document["error"].startswith("account ")
    assert "has no experiment analyst" in said.document["error"]
