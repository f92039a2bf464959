"""Promise: the evidence names every rule, resource, exception and template, and hides nothing."""

import hashlib
import json
import re
from datetime import UTC, date, datetime
from html import escape

import pytest
import yaml

from audits.residency import gather
from audits.residency_page import page
from falaj.errors import ConfigurationError
from policies.controls import CONTROLS, Control
from policies.registry import RULES
from tests.infra.conftest import new_catalogue, synthesized


class Today:
    """A clock that stands still."""

    def now(self) -> datetime:
        """Return the day on which this was written."""
        return datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The assembly of a bank with one model of health data."""
    root = tmp_path_factory.mktemp("residency")
    catalogue = new_catalogue(root)
    catalogue.add("churn", data_class="health", compute={"min_warm": 1})
    context = {"falaj:profile": "enterprise", "falaj:platform": "lambda"}
    return synthesized(catalogue.sources, root / "out", context).folder


@pytest.fixture(scope="module")
def evidence(out):
    """What is gathered from it."""
    return gather(out, clock=Today())


def planted(folder, *, tags=None, **resources):
    """Write an assembly of one stack by hand."""
    folder.mkdir(exist_ok=True)
    (folder / "S.template.json").write_text(json.dumps({"Resources": resources}))
    properties = {"templateFile": "S.template.json", "tags": tags or {"falaj:profile": "smb"}}
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/me-central-1",
        "properties": properties,
    }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {"S": stack}}))
    return folder


NAT = {"Type": "AWS::EC2::NatGateway", "Properties": {"SubnetId": "s"}}


def waiver_file(folder, *entries):
    """Write exceptions."""
    file = folder / "waivers.yaml"
    file.write_text(yaml.safe_dump(list(entries)), encoding="utf-8")
    return file


def test_our_own_stacks_pass(evidence):
    """Health data and all."""
    assert evidence.faults == ()
    assert evidence.document()["ok"] is True


def test_every_resource_was_looked_at(evidence, out):
    """By at least the rules that look at everything."""
    written = {
        f"{path.name.removesuffix('.template.json')}/{id_}"
        for path in out.glob("*.template.json")
        for id_ in json.loads(path.read_bytes())["Resources"]
    }
    looked = {entry["resource"]: entry["rules"] for entry in evidence.document()["resources"]}

    assert written <= set(looked)
    assert all("residency.other-region" in rules for rules in looked.values())


def test_templates_are_named_by_their_hash(evidence, out):
    """Whoever doubts can compare what is deployed."""
    name = "FalajApi.template.json"

    digest = hashlib.sha256((out / name).read_bytes()).hexdigest()
    assert evidence.document()["templates"][name] == digest


def test_every_rule_and_control_is_in_the_document(evidence):
    """With its reason, its source and the law it serves."""
    document = evidence.document()

    assert [rule["id"] for rule in document["rules"]] == [rule.id for rule in RULES]
    assert [control["id"] for control in document["controls"]] == [c.id for c in CONTROLS]


def test_records_of_requests_are_named_with_their_retention(evidence):
    """Of what the gateway itself refuses its access log is the only record; all else is recorded.

    The model's function and the platform's feed the trail.
    """
    found = evidence.document()["records"]
    (access,) = [each for each in found if each["kind"] == "access log"]

    assert access["resource"].startswith("FalajApi/")
    assert json.loads(access["format"])["refused_as"] == "$context.error.responseType"
    assert "token" not in access["format"].lower()
    assert sorted(
        each["resource"].partition("/")[0] for each in found if each["kind"] == "audit trail"
    ) == ["FalajApi", "FalajModel-churn"]
    assert all(each["days"] >= 30 for each in found)
    assert access["log_group"] in page(evidence)


def test_a_control_without_a_check_fails(out):
    """A claim that nothing examines is no evidence."""
    idle = Control(id="X-1", document="d", place="p", demand="be good", link="https://x.example")
    faults = gather(out, clock=Today(), controls=(*CONTROLS, idle)).faults

    assert faults == ("control X-1 (be good) has no check",)


def test_a_planted_way_out_fails(tmp_path):
    """The finding names rule and resource, and the controls that it breaks say so."""
    found = gather(planted(tmp_path / "o", N=NAT), clock=Today(), waivers=waiver_file(tmp_path))
    failed = {r.control.id for r in found.controls if r.verdict == "failed"}

    assert found.faults[0].startswith("residency.nat-gateway: S/N: ")
    assert failed == {"PDPL-22", "ISO-8.20", "IAR-T4", "ISO-8.12"}


def test_an_exception_shows_in_the_result(tmp_path):
    """It passes, and nobody can overlook why."""
    waivers = waiver_file(
        tmp_path,
        {
            "rule": "residency.nat-gateway",
            "resource": "S/N",
            "reason": "The mail relay of the old site, until it moves.",
            "evidence": "change request 4711",
            "approver": "CISO",
            "expires": date(2027, 3, 1),
        },
    )
    found = gather(planted(tmp_path / "o", N=NAT), clock=Today(), waivers=waivers)
    (excused,) = found.document()["excused"]

    assert found.faults == ()
    assert excused["by"]["approver"] == "CISO"
    assert {r.verdict for r in found.controls if r.control.id == "PDPL-22"} == {
        "passed with exceptions"
    }


def test_no_assembly_is_an_error(tmp_path):
    """An audit of nothing proves nothing."""
    with pytest.raises(ConfigurationError, match="holds no synthesized stacks"):
        gather(tmp_path)


def test_the_page_needs_nothing_else(evidence):
    """No script, style, font or picture from elsewhere: it can be archived as it is."""
    html = page(evidence)

    assert not re.search(r"<(script|link|img|iframe)\b|@import|url\(", html)
    assert "default-src 'none'" in html
    assert all(f'id="{rule.id}"' in html for rule in RULES)


def test_a_rule_leads_to_the_law_it_serves(evidence):
    """And every stack, resource and exception is on the page, those from other tools as well."""
    html = page(evidence)
    named = {f'href="#{control}"' for rule in RULES for control in rule.controls}
    waivers = (*evidence.waivers, *evidence.others)

    assert [link for link in named if link not in html] == []
    assert [c.id for c in CONTROLS if f'id="{c.id}"' not in html] == []
    assert [w.reason for w in waivers if escape(w.reason) not in html] == []
    assert {w.tool for w in evidence.others} == {"cdk-nag"}
    assert all(f"<code>{stack.name}</code>" in html for stack in evidence.stacks)


def test_the_page_shows_what_strangers_wrote_as_text(tmp_path):
    """A resource's name cannot become part of the page."""
    bad = "<script>alert(1)</script>"
    html = page(
        gather(planted(tmp_path / "o", **{bad: NAT}), clock=Today(), waivers=waiver_file(tmp_path))
    )

    assert bad not in html
    assert "&lt;script&gt;alert(1)" in html
