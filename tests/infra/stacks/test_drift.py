"""A watched model's counts reach a watch that may tell, and never act."""

import hashlib
import json
from dataclasses import replace
from datetime import date

import pytest

from audits.alarms import examine
from catalogue.signing import LocalSigner, sign
from falaj.contract import ALARM_PREFIX, DRIFT_FILE, ENV_DRIFT, MANIFEST_FILE
from falaj.domain.manifest import Manifest
from falaj.drift.reference import Feature, Reference, Rules, Side
from infra.config.deployment import Deployment
from infra.config.profile import Profile
from infra.packaging import read_models
from infra.refusals import catalogue_faults
from policies.assembly import read_stacks
from policies.evaluation import evaluate
from policies.exceptions import read_waivers, review
from policies.registry import RULES
from tests.infra.conftest import new_catalogue, synthesized

STACK = "FalajDrift"
POLICY = {"reference": "reference.npz"}
WRITES = ("lambda:UpdateAlias", "dynamodb:", "ssm:PutParameter", "sns:Publish", "lambda:Invoke")


def add(catalogue, name, **settings):
    """Add a watched model whose version was built with a reference."""
    catalogue.add(name, drift=POLICY, **settings)
    (catalogue.sources.models / name / POLICY["reference"]).write_bytes(b"")
    feature = Feature(
        name="x[0]",
        side=Side.INPUT,
        tensor="x",
        column=0,
        is_category=False,
        edges=(0.0,),
        counts=(100, 100, 0),
    )
    rules = Rules(window_s=3600, delta=0.1, false_alarm=0.01)
    reference = Reference(model=name, version=1, rules=rules, features=(feature,))
    folder = catalogue.sources.build / "models" / name / "1"
    text = json.dumps(reference.to_dict())
    (folder / DRIFT_FILE).write_text(text)
    manifest = Manifest.from_dict(json.loads((folder / MANIFEST_FILE).read_text()))
    facts = {"drift": hashlib.sha256(text.encode()).hexdigest()}
    (folder / MANIFEST_FILE).write_text(json.dumps(replace(manifest, facts=facts).to_dict()))
    sign(folder, LocalSigner(catalogue.sources.build))


@pytest.fixture(scope="module")
def assembly(tmp_path_factory):
    """The profile with a network of its own, a watched model and one that is not."""
    root = tmp_path_factory.mktemp("drift")
    catalogue = new_catalogue(root)
    add(catalogue, "churn")
    catalogue.add("plain")
    return synthesized(
        catalogue.sources,
        root / "out",
        {"falaj:profile": "enterprise", "falaj:platform": "lambda"},
    )


def test_only_a_watched_model_counts(assembly):
    """The other's function knows nothing of it, and its lines go nowhere."""
    counting = {}
    for model in ("churn", "plain"):
        (function,) = assembly.of_type(f"FalajModel-{model}", "AWS::Lambda::Function").values()
        patterns = [
            each["Properties"]["FilterPattern"]
            for each in assembly.of_type(
                f"FalajModel-{model}", "AWS::Logs::SubscriptionFilter"
            ).values()
        ]
        counting[model] = (
            ENV_DRIFT in function["Properties"]["Environment"]["Variables"],
            '{ $.message = "drift" }' in patterns,
        )
    assert counting == {"churn": (True, True), "plain": (False, False)}


def test_the_watch_may_write_to_its_bucket_and_tell_and_nothing_else(assembly):
    """It has no right by which a rollout, an alias or a release could be touched."""
    rights = {
        action
        for role in assembly.of_type(STACK, "AWS::IAM::Role").values()
        for policy in role["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
        for action in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    }
    assert "events:PutEvents" in rights
    assert not {right for right in rights if right.startswith(WRITES)}


def test_its_alarm_calls_people_and_reaches_no_controller(assembly):
    """The controller heeds alarms by their names' beginning; this one's is another."""
    alarms = assembly.of_type(STACK, "AWS::CloudWatch::Alarm")
    drifted = [
        each["Properties"]
        for each in alarms.values()
        if each["Properties"]["MetricName"] == "DriftedFeatures"
    ]
    assert [each["Dimensions"] for each in drifted] == [[{"Name": "Model", "Value": "churn"}]]
    assert not STACK.startswith(ALARM_PREFIX)
    assert not any("AlarmName" in each for each in drifted)


def test_the_audit_of_alarms_sees_it_fire_for_people(assembly):
    """Planted drift turns it red, and what follows is that people are told."""
    report = examine(assembly.folder)
    proofs = {
        proof.then
        for proof in report.proofs
        if proof.stack == STACK and any("drift" in firing.harm for firing in proof.fires)
    }
    assert (report.findings, proofs) == ((), {"people are told"})


def test_the_network_lets_its_events_out_to_aws_alone(assembly):
    """An endpoint that only a watched catalogue pays for."""
    services = [
        str(each["Properties"]["ServiceName"])
        for each in assembly.of_type("FalajNetwork", "AWS::EC2::VPCEndpoint").values()
    ]
    assert sum(".events" in service for service in services) == 1


def test_no_policy_is_broken(assembly):
    """The rules hold for it, with the exceptions that are written down."""
    stacks = read_stacks(assembly.folder)
    found = review(
        evaluate(stacks, RULES).findings,
        read_waivers(),
        stacks=stacks,
        today=date(2026, 11, 22),
        must_be_used=False,
    )
    assert [str(each) for each in found.open] == []


def test_what_cannot_be_watched_is_refused(tmp_path):
    """A version that was built before drift was written."""
    catalogue = new_catalogue(tmp_path)
    catalogue.add("churn", drift=POLICY)
    (catalogue.sources.models / "churn" / POLICY["reference"]).write_bytes(b"")
    models = read_models(catalogue.sources.models, catalogue.sources.build)
    (fault,) = catalogue_faults(models, Deployment(profile=Profile.SMB))
    assert fault == (
        "model churn: drift is written, but version 1 was built without a reference; "
        "run `falaj models build churn`"
    )
