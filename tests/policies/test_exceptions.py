"""Promise: an exception is precise, explained, approved, needed, and ends."""

from datetime import UTC, date, datetime

import pytest
import yaml

from falaj.errors import ConfigurationError
from policies.evaluation import evaluate
from policies.exceptions import ANYTHING, FILE, Waiver, read_waivers, review
from tests.policies.planting import stack_of

ROOT = FILE.parents[1]
DAY = date(2026, 11, 22)
PROFILE = {"falaj:profile": "smb"}
NAT = {"Type": "AWS::EC2::NatGateway", "Properties": {"SubnetId": "s"}}
ENTRY = {
    "rule": "residency.nat-gateway",
    "resource": "Site/Way",
    "reason": "The mail relay of the old site, until it moves.",
    "evidence": "change request 4711",
    "approver": "CISO",
    "expires": date(2027, 3, 1),
}


def read(tmp_path, *entries):
    """Write a file of exceptions and read it."""
    file = tmp_path / "exceptions.yaml"
    file.write_text(yaml.safe_dump(list(entries), allow_unicode=True), encoding="utf-8")
    return read_waivers(file)


def reviewed(tmp_path, *entries, tags=PROFILE, day=DAY):
    """Review a stack with one NAT gateway under these exceptions."""
    stacks = [stack_of({"Tags": tags, "Resources": {"Way": NAT}}, name="Site")]
    return review(evaluate(stacks).findings, read(tmp_path, *entries), stacks=stacks, today=day)


def test_a_standing_exception_excuses_its_finding(tmp_path):
    """And the review says which one did."""
    result = reviewed(tmp_path, ENTRY)

    assert result.is_clean
    ((finding, waiver),) = result.excused
    assert (finding.resource, waiver.approver) == ("Site/Way", "CISO")


def test_without_one_the_finding_is_open(tmp_path):
    """The control."""
    assert [found.rule for found in reviewed(tmp_path).open] == ["residency.nat-gateway"]


def test_an_expired_exception_excuses_nothing(tmp_path):
    """It ends on its day, and both the finding and the exception are reported."""
    result = reviewed(tmp_path, ENTRY, day=ENTRY["expires"])

    assert len(result.open) == 1
    assert "expired on 2027-03-01" in result.faults[0]


def test_an_unused_exception_is_a_fault(tmp_path):
    """What is mended leaves no hole behind."""
    result = reviewed(tmp_path, ENTRY, ENTRY | {"resource": "Site/Gone"})

    assert result.faults == (
        "the exception from residency.nat-gateway on Site/Gone excuses nothing; remove it",
    )


def test_an_exception_for_absent_stacks_may_be_idle_only_if_it_says_so(tmp_path):
    """A catalogue without GPU models is none the worse for what such models need."""
    absent = ENTRY | {"resource": "OnlySometimes/Gone"}

    assert reviewed(tmp_path, ENTRY, absent).faults == (
        "the exception from residency.nat-gateway on OnlySometimes/Gone excuses nothing; remove it",
    )
    assert reviewed(tmp_path, ENTRY, absent | {"optional": True}).faults == ()
    present = ENTRY | {"resource": "Site/Gone", "optional": True}
    assert len(reviewed(tmp_path, ENTRY, present).faults) == 1


def test_another_profiles_exception_is_neither_used_nor_missed(tmp_path):
    """It is not this deployment's matter."""
    result = reviewed(tmp_path, ENTRY | {"profiles": ["enterprise"]})

    assert len(result.open) == 1
    assert result.faults == ()


def test_health_data_knows_no_exception_from_residency(tmp_path):
    """One model with health data in the assembly, and the whole of it must stay."""
    result = reviewed(tmp_path, ENTRY, tags=PROFILE | {"falaj:data-class": "health"})

    assert len(result.open) == 1
    assert "health data knows no exception from residency" in result.faults[0]


def test_an_exception_for_years_is_refused(tmp_path):
    """Somebody looks at it again within the year."""
    result = reviewed(tmp_path, ENTRY | {"expires": date(2036, 1, 1)})

    assert "at most 400 days" in result.faults[0]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"reason": "needed"}, "the reason 'needed' is vague"),
        ({"reason": "TODO find out why this is needed"}, "is vague"),
        ({"evidence": "n/a"}, "the evidence is vague"),
        ({"approver": ""}, "approver is missing"),
        ({"expires": "next year"}, "is no date"),
        ({"resource": "*"}, "is a whole stack or everything"),
        ({"resource": "Site/*"}, "is a whole stack or everything"),
        ({"resource": "*/*"}, "is a whole stack or everything"),
        ({"resource": "FalajApi/?*"}, "is a whole stack or everything"),
        ({"resource": "FalajModel-*"}, "may be several stacks"),
        ({"profiles": ["smbb"]}, "write a list of smb and enterprise"),
        ({"profiles": "smb"}, "write a list of smb and enterprise"),
        ({"approver": "TBD"}, "the approver is vague"),
        ({"expires": datetime(2027, 3, 1, tzinfo=UTC)}, "is no date"),
        ({"rule": "residency.*"}, "the rule is a pattern"),
        ({"rule": f"AwsSolutions-{ANYTHING}"}, "the rule is a pattern"),
        ({"rule": "residency.nothing"}, "there is no rule residency.nothing"),
        ({"owner": "me"}, "owner is not known"),
    ],
)
def test_a_vague_entry_is_refused(tmp_path, change, complaint):
    """With its number and what is wrong."""
    with pytest.raises(ConfigurationError, match="exception 1") as refused:
        read(tmp_path, ENTRY | change)

    assert complaint in str(refused.value)


def test_a_star_ends_where_a_name_ends():
    """What was granted for one kind of resource is not granted for the whole stack."""
    waiver = Waiver(**ENTRY | {"resource": "FalajModel-*/Logs*"})

    assert waiver.covers("residency.nat-gateway", "FalajModel-churn/Logs1")
    assert not waiver.covers("residency.nat-gateway", "FalajModel-churn/Role/Logs1")
    assert not waiver.covers("residency.nat-gateway", "FalajModel-churn/Role1")


@pytest.mark.parametrize("text", ["{", "rule: residency.nat-gateway"])
def test_a_file_that_is_no_list_is_refused(tmp_path, text):
    """With its name, and no traceback."""
    file = tmp_path / "exceptions.yaml"
    file.write_text(text)

    with pytest.raises(ConfigurationError, match=r"exceptions\.yaml"):
        read_waivers(file)


def test_all_faults_of_the_file_come_at_once(tmp_path):
    """One reading shows everything there is to mend."""
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path, ENTRY | {"reason": "x"}, ENTRY | {"approver": ""})

    assert len(refused.value.faults) == 2


def test_a_finding_of_cdk_nag_is_matched_to_the_letter():
    """A star in its id is a star, not a pattern; `…` is the pattern."""
    exact = Waiver(**ENTRY | {"rule": "AwsSolutions-IAM5[Resource::*]"})
    loose = Waiver(
        **ENTRY | {"rule": f"AwsSolutions-IAM5[Resource::{ANYTHING}:log-group:{ANYTHING}]"}
    )

    assert exact.covers("AwsSolutions-IAM5[Resource::*]", "Site/Way")
    assert not exact.covers("AwsSolutions-IAM5[Resource::arn:aws:s3:::b/*]", "Site/Way")
    assert loose.covers("AwsSolutions-IAM5[Resource::arn:x:log-group:g:*]", "Site/Way")
    assert not loose.covers("AwsSolutions-IAM5[Resource::*]", "Site/Way")


def test_the_file_of_this_repository_is_sound():
    """Every entry is precise and complete, and none is from residency."""
    waivers = read_waivers(FILE)

    assert [waiver for waiver in waivers if waiver.rule.startswith("residency.")] == []
    assert all((waiver.expires - DAY).days <= 400 for waiver in waivers)


@pytest.mark.parametrize("evidence", sorted({waiver.evidence for waiver in read_waivers(FILE)}))
def test_the_evidence_is_there(evidence):
    """A page of AWS, or a file of this repository that can be opened."""
    assert evidence.startswith("https://docs.aws.amazon.com/") or (ROOT / evidence).is_file()
