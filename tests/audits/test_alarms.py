"""Promise: an alarm that could not fire is named before it is deployed, with the mend."""

import json
import shutil

import pytest

from audits.alarms import audit, examine
from local_region.errors import AssemblyError

STACK, ROLLOUTS = "FalajModel-churn", "FalajRollouts"


def metrics(properties):
    """Return an alarm's metrics, expressions left out."""
    return [m["MetricStat"]["Metric"] for m in properties["Metrics"] if "MetricStat" in m]


def said(doctored):
    """Return the findings as (alarm, problem) pairs."""
    return [(finding.alarm, finding.problem) for finding in audit(doctored.folder)]


@pytest.mark.parametrize(("profile", "alarms"), [("smb", 9), ("enterprise", 10)])
def test_every_alarm_of_the_stacks_can_fire(examined, profile, alarms):
    """The control, and the promise of the design's table; a bank's audit trail has one more."""
    report = examined[profile]

    assert report.findings == ()
    assert len(report.proofs) == alarms
    assert all(proof.fires for proof in report.proofs)


def test_what_fires_each_alarm_is_told(examined):
    """The table that a person reads."""
    kinds = {
        proof.alarm.removeprefix("falaj-churn-").rpartition("-")[0]: (
            [(firing.harm, firing.after_s) for firing in proof.fires],
            proof.then,
        )
        for proof in examined["smb"].proofs
        if proof.stack == STACK
    }
    back = "the controller rolls back"

    assert kinds == {
        "evidence": ([("the guard has its evidence", 10)], back),
        "evidence-fallback": (
            [("every answer is a 5xx", 360), ("every output is NaN", 360)],
            back,
        ),
        "total-failure": ([("every answer is a 5xx", 50), ("every output is NaN", 50)], back),
        "errors": ([("its process crashes", 120), ("its requests time out", 120)], back),
        "near-timeout": ([("its requests time out", 120)], back),
        "throttles": ([("requests are throttled", 120)], "the controller pauses the rollout"),
    }


def test_a_release_that_gets_everything_at_once_is_watched(all_at_once):
    """With no stable to compare with, every harm is seen by an alarm none the less."""
    report = examine(all_at_once)
    fires = {
        proof.alarm.rpartition("-")[0].removeprefix("falaj-churn-"): {f.harm for f in proof.fires}
        for proof in report.proofs
    }

    assert report.findings == ()
    assert {"every answer is a 5xx", "every output is NaN"} == fires["total-failure"]
    assert {"its process crashes", "its requests time out"} == fires["errors"]


def test_a_short_model_wakes_the_load_shedder_and_people_are_told(counted):
    """Where tenants have priorities: one alarm for the function, one for whoever is on call."""
    report = examine(counted)
    seen = {
        (tuple(firing.harm for firing in proof.fires), proof.then)
        for proof in report.proofs
        if "capacity" in proof.alarm or "Waiting" in proof.alarm
    }

    assert report.findings == ()
    assert seen == {
        (("requests are throttled",), "tenants of the last priorities wait"),
        (("a model is short of room, and some wait",), "people are told"),
    }


def test_a_capacity_alarm_that_nobody_hears_is_named(counted, tmp_path):
    """Without the shedding stack's rules nobody is made to wait."""
    folder = shutil.copytree(counted, tmp_path / "out", ignore=shutil.ignore_patterns("asset.*"))
    path = folder / "FalajShedding.template.json"
    template = json.loads(path.read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Events::Rule":
            resource["Properties"]["State"] = "DISABLED"
    path.write_text(json.dumps(template))

    assert [(f.alarm, f.problem) for f in audit(folder)] == [
        ("capacity-falaj-churn", "no enabled rule hears it: nobody is made to wait")
    ]


def test_a_dead_controller_is_noticed_after_three_minutes(examined):
    """By its silence, and told to people."""
    (heartbeat,) = (proof for proof in examined["smb"].proofs if "heartbeat" in proof.alarm)

    assert [(f.harm, f.after_s) for f in heartbeat.fires] == [("the controller is silent", 180)]


def test_a_missing_executed_version_is_named(doctored):
    """As the CDK's own `Version.metric_errors` would leave it out (aws-cdk issue 14248)."""

    def spoil(properties):
        for metric in metrics(properties):
            metric["Dimensions"] = [
                d for d in metric["Dimensions"] if d["Name"] != "ExecutedVersion"
            ]

    name = doctored.spoil_alarm("near-timeout", spoil)
    (finding,) = audit(doctored.folder)

    assert finding.alarm == name
    assert finding.problem == "it compares Duration by (FunctionName, Resource) with itself"
    assert "ExecutedVersion" in finding.mend


def test_a_wrong_dimension_is_named(doctored):
    """A metric is found under exactly its dimensions, or not at all."""

    def spoil(properties):
        metrics(properties)[0]["Dimensions"][0]["Name"] = "ModelName"

    name = doctored.spoil_alarm("evidence", spoil)
    (finding,) = audit(doctored.folder)

    assert (finding.alarm, finding.problem) == (
        name,
        "LogEvidence is not published by (ModelName, Release)",
    )
    assert finding.mend == "name exactly (Model, Release)"


def test_a_dimension_of_another_version_is_named(doctored):
    """A number written by hand is right once."""

    def spoil(properties):
        for dimension in metrics(properties)[0]["Dimensions"]:
            if dimension["Name"] == "Release":
                dimension["Value"] = "7"

    doctored.spoil_alarm("evidence", spoil)

    assert [problem for _, problem in said(doctored)] == [
        "LogEvidence: Release is '7' where '13' is published"
    ]


def test_a_metric_that_nobody_publishes_is_named(doctored):
    """A misspelt name."""
    doctored.spoil_alarm("evidence", lambda p: metrics(p)[0].update(MetricName="LogEvidnce"))
    (finding,) = audit(doctored.folder)

    assert finding.problem == "nobody publishes Falaj LogEvidnce"
    assert "LogEvidence" in finding.mend


def test_a_wrong_namespace_is_named(doctored):
    """Falaj, not falaj."""
    doctored.spoil_alarm("evidence", lambda p: metrics(p)[0].update(Namespace="falaj"))
    (finding,) = audit(doctored.folder)

    assert finding.problem == "nobody publishes into namespace 'falaj'"


def test_a_period_longer_than_the_bake_is_named(doctored):
    """The step would be over before the alarm has seen it whole."""

    def spoil(properties):
        for query in properties["Metrics"]:
            if "MetricStat" in query:
                query["MetricStat"]["Period"] = 1200

    doctored.spoil_alarm("total-failure", spoil)

    assert [problem for _, problem in said(doctored)] == [
        "it needs 3600 s of harm, but a step bakes 600 s"
    ]


def test_a_single_window_is_named(doctored):
    """It may hold a change of share, and an outage of both versions that begins with it."""
    name = doctored.spoil_alarm(
        "evidence-fallback", lambda p: p.update(EvaluationPeriods=1, DatapointsToAlarm=1)
    )
    (finding,) = audit(doctored.folder)

    assert finding.alarm == name
    assert finding.problem.startswith("it blames the candidate for what befalls both versions")
    assert "two windows" in finding.mend


def test_a_slow_alarm_that_compares_with_nothing_is_named(doctored):
    """The slowest request alone says nothing of whose fault it is."""

    def spoil(properties):
        properties["Metrics"][0]["Expression"] = "m"

    name = doctored.spoil_alarm("near-timeout", spoil)
    (finding,) = audit(doctored.folder)

    assert finding.alarm == name
    assert finding.problem.startswith("it blames the candidate for what befalls both versions")


def test_a_threshold_out_of_reach_is_named(doctored):
    """A share can exceed no more than 1."""
    doctored.spoil_alarm("total-failure", lambda p: p.update(Threshold=50))
    (finding,) = audit(doctored.folder)

    assert finding.problem == (
        "under total harm it reaches 1, and its threshold is GreaterThanOrEqualToThreshold 50"
    )


def test_a_threshold_that_health_crosses_is_named(doctored):
    """It would roll back every release."""
    doctored.spoil_alarm("total-failure", lambda p: p.update(Threshold=-1))

    assert [problem for _, problem in said(doctored)] == ["it is red though nothing is wrong"]


def test_a_description_that_the_controller_cannot_read_is_named(doctored):
    """Red would mean nothing to it."""
    doctored.spoil_alarm("errors", lambda p: p.update(AlarmDescription="errors"))
    problems = [problem for _, problem in said(doctored)]

    assert "its description does not say what red means for a rollout" in problems


def test_an_alarm_on_another_version_than_the_stacks_is_named(doctored):
    """A rollback would be refused: it is not the candidate's."""

    def spoil(properties):
        properties["AlarmDescription"]["Fn::Sub"][1]["Version"] = "7"

    doctored.spoil_alarm("errors", spoil)

    assert [problem for _, problem in said(doctored)] == [
        "it rolls back version 7, but this stack publishes another"
    ]


def rules(resources):
    """Return the rule on alarms."""
    (rule,) = (
        resource["Properties"]
        for resource in resources.values()
        if resource["Type"] == "AWS::Events::Rule"
        and "aws.cloudwatch" in json.dumps(resource["Properties"].get("EventPattern", {}))
    )
    return rule


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda r: rules(r).update(State="DISABLED"),
            "no enabled rule hears its change of state",
        ),
        (
            lambda r: rules(r)["EventPattern"]["detail"].update(alarmName=[{"prefix": "other-"}]),
            "no enabled rule hears its change of state",
        ),
        (
            lambda r: rules(r)["Targets"][0].update(Arn="arn:aws:sqs:me-central-1:0:elsewhere"),
            "do not reach the rollout controller",
        ),
        (
            lambda r: [r.pop(i) for i in list(r) if r[i]["Type"] == "AWS::Lambda::Permission"],
            "EventBridge may not invoke the controller",
        ),
        (
            lambda r: [
                r.pop(i)
                for i in list(r)
                if r[i]["Properties"].get("Name") == "/falaj/rollouts/controller"
            ],
            "no function is named by the SSM parameter /falaj/rollouts/controller",
        ),
    ],
    ids=["disabled", "other names", "elsewhere", "no permission", "no controller"],
)
def test_an_alarm_that_does_not_reach_the_controller_is_named(doctored, change, problem):
    """Red, and nothing happens."""
    doctored.spoil(ROLLOUTS, change)
    found = said(doctored)

    assert len({alarm for alarm, _ in found}) == 7  # six of the release, and the heartbeat
    assert all(problem in what for _, what in found)


def test_a_heartbeat_that_tells_nobody_is_named(doctored):
    """The controller cannot tell of its own death."""

    def spoil(resources):
        for resource in resources.values():
            resource.get("Properties", {}).pop("AlarmActions", None)

    doctored.spoil(ROLLOUTS, spoil)

    assert [problem for _, problem in said(doctored)] == ["it has no action: nobody is told"] * 3


def test_a_model_without_alarms_is_named(doctored):
    """Its releases would only be stopped by the controller itself."""

    def spoil(resources):
        for id_ in [i for i in resources if resources[i]["Type"] == "AWS::CloudWatch::Alarm"]:
            del resources[id_]

    doctored.spoil(STACK, spoil)

    assert said(doctored) == [("model churn", "no alarm rolls its release back")]


def test_harm_that_no_alarm_sees_is_named(doctored):
    """Each alarm is sound, and together they leave a hole."""

    def spoil(resources):
        for id_ in list(resources):
            name = resources[id_].get("Properties", {}).get("AlarmName", "")
            if "-errors-" in name:
                del resources[id_]

    doctored.spoil(STACK, spoil)
    (finding,) = audit(doctored.folder)

    assert finding.alarm == "model churn"
    assert "no alarm rolls back a candidate at share 0.05" in finding.problem


def test_no_assembly_is_said_in_a_sentence(tmp_path):
    """Nothing was synthesized."""
    with pytest.raises(AssemblyError, match=r"run `python app\.py` first"):
        audit(tmp_path)
