"""Promise: the controller can do its work, nothing else, and its failure is seen."""

import json
from contextlib import nullcontext

import pytest

from falaj.contract import CONTROLLER_PARAMETER, HEARTBEAT_ALARM, MODEL_TAG
from falaj.domain.alarm_text import read_alarm_text
from falaj.domain.observation import AlarmEffect
from falaj.errors import ConfigurationError
from tests.infra.conftest import Assembly

STACK = "FalajRollouts"


def one(assembly, kind):
    """Return the properties of the stack's only resource of a type."""
    return assembly.one(STACK, kind)["Properties"]


def statements(assembly):
    """Return the controller's rights by their names."""
    (policy,) = one(assembly, "AWS::IAM::Role")["Policies"]
    return {s["Sid"]: s for s in policy["PolicyDocument"]["Statement"]}


def test_every_model_has_its_six_alarms_before_its_release_is_told(assembly):
    """The controller starts a rollout that is guarded already."""
    for model in ("churn", "file-type", "snap", "twin"):
        stack = f"FalajModel-{model}"
        alarms = assembly.of_type(stack, "AWS::CloudWatch::Alarm")
        (desired,) = (
            resource
            for resource in assembly.of_type(stack, "AWS::SSM::Parameter").values()
            if resource["Properties"]["Name"].endswith("/desired-release")
        )
        assert len(alarms) == 6
        assert set(alarms) <= set(desired["DependsOn"])


def test_another_release_has_other_alarms(catalogue, assemble):
    """No alarm changes the version it watches while it is red."""
    catalogue.add("churn")
    before = assemble(catalogue.sources).of_type("FalajModel-churn", "AWS::CloudWatch::Alarm")
    catalogue.add("churn", compute={"memory_mib": 2048})
    after = assemble(catalogue.sources).of_type("FalajModel-churn", "AWS::CloudWatch::Alarm")

    def names(alarms):
        return {alarm["Properties"]["AlarmName"] for alarm in alarms.values()}

    assert set(before).isdisjoint(after)
    assert names(before).isdisjoint(names(after))


def test_model_functions_carry_the_tag_that_the_controller_needs(assembly):
    """It may update no other function's alias."""
    function = assembly.one("FalajModel-churn", "AWS::Lambda::Function")["Properties"]
    steer = statements(assembly)["SteerModels"]

    assert {"Key": MODEL_TAG, "Value": "churn"} in function["Tags"]
    assert steer["Condition"] == {"Null": {f"aws:ResourceTag/{MODEL_TAG}": "false"}}


def test_no_right_is_a_wildcard_but_where_aws_knows_no_resource(assembly):
    """Metrics, traces and network interfaces take no resource."""
    for sid, statement in statements(assembly).items():
        actions = statement["Action"]
        assert "*" not in json.dumps(actions), sid
        if statement["Resource"] == "*" and statement["Effect"] == "Allow":
            assert sid in {"JoinNetwork", "ReadMetrics", "WriteOwnMetrics", "WriteTraces"}


def test_three_things_wake_it_and_each_may(assembly):
    """Alarms, releases and the clock; a rule without a permission would fail silently."""
    rules = assembly.of_type(STACK, "AWS::Events::Rule")
    permissions = assembly.of_type(STACK, "AWS::Lambda::Permission").values()
    (function,) = assembly.of_type(STACK, "AWS::Lambda::Function")
    sources = [p["Properties"]["SourceArn"]["Fn::GetAtt"][0] for p in permissions]

    assert sorted(sources) == sorted(rules)
    assert {p["Properties"]["Principal"] for p in permissions} == {"events.amazonaws.com"}
    for rule in rules.values():
        (target,) = rule["Properties"]["Targets"]
        assert target["Arn"]["Fn::GetAtt"] == [function, "Arn"]
    assert sorted(
        rule["Properties"].get("ScheduleExpression", "an event") for rule in rules.values()
    ) == ["an event", "an event", "rate(1 minute)"]


def test_a_silent_controller_freezes_promotions_and_calls_somebody(assembly):
    """It cannot tell of its own death."""
    (alarm,) = (
        a["Properties"]
        for a in assembly.of_type(STACK, "AWS::CloudWatch::Alarm").values()
        if a["Properties"].get("AlarmName") == HEARTBEAT_ALARM
    )
    text = read_alarm_text(alarm["AlarmDescription"])
    (topic,) = assembly.of_type(STACK, "AWS::SNS::Topic")

    assert (text.effect, text.model, text.kind) == (AlarmEffect.FREEZE, "", "heartbeat")
    assert alarm["TreatMissingData"] == "ignore"
    assert alarm["AlarmActions"] == [{"Ref": topic}]


def test_what_it_fails_on_is_kept_and_seen(assembly):
    """An event that failed three times lies in a queue that somebody is told of."""
    (queue,) = assembly.of_type(STACK, "AWS::SQS::Queue")
    invoke = one(assembly, "AWS::Lambda::EventInvokeConfig")
    destination = invoke["DestinationConfig"]["OnFailure"]["Destination"]
    watched = [
        alarm["Properties"]["Dimensions"]
        for alarm in assembly.of_type(STACK, "AWS::CloudWatch::Alarm").values()
        if alarm["Properties"].get("Namespace") == "AWS/SQS"
    ]

    assert destination["Fn::GetAtt"] == [queue, "Arn"]
    assert watched == [[{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}]]


def test_its_memory_is_encrypted_restorable_and_kept(assembly):
    """Statuses survive a deleted stack and a slip."""
    resource = assembly.one(STACK, "AWS::DynamoDB::Table")
    table = resource["Properties"]

    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSESpecification"]["SSEType"] == "KMS"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_decisions_are_signed_by_a_key_that_never_leaves(assembly):
    """Verified offline with its public half."""
    key = one(assembly, "AWS::KMS::Key")

    assert (key["KeySpec"], key["KeyUsage"], key["MultiRegion"]) == (
        "ECC_NIST_P256",
        "SIGN_VERIFY",
        False,
    )


def test_the_banks_decisions_are_write_once(smb, enterprise):
    """Object Lock where the profile asks for it; versions and TLS everywhere."""

    def locked(assembly):
        bucket = one(assembly, "AWS::S3::Bucket")
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        return bucket.get("ObjectLockEnabled", False)

    assert (locked(smb), locked(enterprise)) == (False, True)


def test_operators_find_it_by_a_parameter(assembly):
    """`falaj rollout` invokes the function that the parameter names."""
    (function,) = assembly.of_type(STACK, "AWS::Lambda::Function")
    names = {
        p["Properties"]["Name"]: p["Properties"]["Value"]
        for p in assembly.of_type(STACK, "AWS::SSM::Parameter").values()
    }

    assert names[CONTROLLER_PARAMETER] == {"Ref": function}


def test_models_cannot_starve_it(assembly):
    """A throttle storm is when it is needed."""
    assert one(assembly, "AWS::Lambda::Function")["ReservedConcurrentExecutions"] == 3


@pytest.mark.parametrize("given", [{}, {"webhookUrl": "https://example.com/hook"}])
def test_a_webhook_is_asked_for_by_the_deployment(catalogue, assemble, tmp_path, given):
    """No address, no webhook; its key is a secret, never in a template. Asking is not having."""
    catalogue.add("churn")
    refused = "residency.external-address: FalajRollouts/Controller.* an address at example.com"
    with pytest.raises(ConfigurationError, match=refused) if given else nullcontext():
        assemble(catalogue.sources, **given)
    # The templates are written before they are judged.
    function = Assembly(tmp_path / "out0").one(STACK, "AWS::Lambda::Function")
    variables = function["Properties"]["Environment"]["Variables"]

    assert variables.get("FALAJ_WEBHOOK_URL") == given.get("webhookUrl")
    assert ("FALAJ_WEBHOOK_KEY_PARAMETER" in variables) == bool(given)
