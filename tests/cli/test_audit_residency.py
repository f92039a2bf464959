"""Promise: the audit's exit status is its verdict, and its page is written either way."""

import json

from cli.exits import Exit
from cli.main import run
from tests.audits.test_residency import NAT, planted

QUEUE = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x"}}


def audit(folder, *more) -> int:
    """Run the audit on an assembly."""
    return run(["audit", "residency", "--cdk-out", str(folder), *more])


def test_a_way_out_is_refused(tmp_path, capsys):
    """Exit 3, the rule and the resource, and the page for the auditor."""
    folder = planted(tmp_path / "o", tags={"falaj:profile": "enterprise"}, N=NAT)
    file = tmp_path / "evidence.html"
    status = audit(folder, "--html", str(file))
    said = " ".join(capsys.readouterr().out.split())

    assert status == Exit.REFUSED
    assert "residency.nat-gateway: S/N" in said
    assert "residency.nat-gateway: S/N" in file.read_text()


def test_clean_stacks_pass(tmp_path, capsys):
    """Exit 0 and one JSON document."""
    folder = planted(tmp_path / "o", tags={"falaj:profile": "none"}, Q=QUEUE)

    assert audit(folder, "--json") == Exit.PASSED
    assert json.loads(capsys.readouterr().out)["ok"] is True


def test_no_assembly_is_an_error(tmp_path, capsys):
    """Exit 1: nothing was examined, so nothing is said."""
    assert audit(tmp_path) == Exit.ERROR
    assert "holds no synthesized stacks" in " ".join(capsys.readouterr().err.split())


def test_rights_are_listed(tmp_path, capsys):
    """Also of a role that has none."""
    role = {"Type": "AWS::IAM::Role", "Properties": {}}
    folder = planted(tmp_path / "o", R=role)

    assert run(["audit", "iam", "--cdk-out", str(folder)]) == Exit.PASSED
    assert "S/R, taken by nobody, bounded by NOTHING" in capsys.readouterr().out
