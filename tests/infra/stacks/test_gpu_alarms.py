"""Promise: `falaj audit alarms` proves a GPU service's alarms, and finds those that are dead."""

from copy import deepcopy
from dataclasses import replace

import pytest

from audits import gpu_alarms
from audits.alarms import KINDS, examine
from audits.template_values import read_resources

STACK = "FalajGpuModel-vision"


@pytest.fixture(scope="module")
def report(gpu_assemblies):
    """What the audit says of a catalogue with GPU models."""
    return examine(gpu_assemblies["smb"].folder)


@pytest.fixture(scope="module")
def resources(gpu_assemblies):
    """One service's resources, resolved."""
    found = read_resources(gpu_assemblies["smb"].folder, KINDS | gpu_alarms.KINDS, lambda *_: None)
    return [resource for resource in found if resource.stack == STACK]


@pytest.fixture
def sabotaged(resources):
    """Change the resources of a type; return what the audit finds."""

    def change(kind, edit):
        changed = []
        for resource in resources:
            properties = deepcopy(dict(resource.properties))
            if resource.kind == kind:
                edit(properties)
            ref = properties.get("AlarmName", resource.ref)
            changed.append(replace(resource, properties=properties, ref=ref))
        return [str(finding) for finding in gpu_alarms.try_service(STACK, changed)[1]]

    return change


def kinds(report, stack):
    """What each alarm of a stack fires on, by the alarm's kind."""
    found = {}
    for proof in report.proofs:
        if proof.stack == stack:
            kind = proof.alarm.removeprefix("gpu-falaj-").partition("-")[2]
            found[kind.rpartition("-")[0] or kind] = {firing.harm for firing in proof.fires}
    return found


def test_nothing_is_dead(report):
    """Every alarm of every GPU stack fires on the harm that it is there for, and on no other."""
    assert [str(f) for f in report.findings if "Gpu" in f.stack] == []


def test_each_harm_takes_the_release_back(report):
    """5xx, NaN, crashes, hanging and queueing are each seen, in whichever fleet the release is."""
    found = kinds(report, STACK)
    assert found["errors"] == {"every answer is a 5xx", "every output is NaN"}
    assert found["queue"] == {"its requests wait in the queue"}
    for fleet in ("blue", "green"):
        assert "its replicas crash" in found[f"failures-{fleet}"]
        assert "its requests take the whole timeout" in found[f"latency-{fleet}"]


def test_harm_is_seen_well_within_the_bake(report):
    """Ten minutes are watched; three are enough."""
    slowest = max(f.after_s for p in report.proofs if p.stack == STACK for f in p.fires)
    assert slowest <= 180


def test_an_idle_service_goes_to_sleep(report):
    """After ten idle minutes, and not before."""
    (idle,) = [p for p in report.proofs if p.alarm == "gpu-falaj-speech-idle"]
    assert [(f.harm, 600 <= f.after_s <= 720) for f in idle.fires] == [("nobody asks", True)]


def test_an_alarm_that_is_named_and_missing_is_found(sabotaged):
    """ECS would refuse the service; worse, after a rename it would heed nothing."""

    def rename(properties):
        properties["AlarmName"] = properties["AlarmName"].replace("-errors-", "-mistakes-")

    (fault,) = [f for f in sabotaged("AWS::CloudWatch::Alarm", rename) if "no such alarm" in f]
    assert "gpu-falaj-vision-errors-" in fault


def test_an_alarm_on_a_release_that_nobody_runs_is_found(sabotaged):
    """Its dimension says another release than the replicas call themselves."""

    def stray(properties):
        for query in properties["Metrics"]:
            for dimension in query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", []):
                if dimension["Name"] == "Release":
                    dimension["Value"] = "old"

    found = sabotaged("AWS::CloudWatch::Alarm", stray)
    assert any("Release is 'old' where" in fault for fault in found)


def test_an_alarm_that_blames_the_new_release_for_the_old_is_found(sabotaged):
    """Without taking off what the other release says of itself, a rollback would go to the sick."""

    def blame(properties):
        for query in properties["Metrics"]:
            if "Expression" in query:
                query["Expression"] = query["Expression"].replace(" - FILL(others, 0)", "")

    found = sabotaged("AWS::CloudWatch::Alarm", blame)
    assert any("for what befalls the other" in fault for fault in found)


def test_a_service_that_heeds_no_alarm_is_found(sabotaged):
    """Alarms that ECS does not know are pictures on a wall."""

    def deafen(properties):
        properties["DeploymentConfiguration"]["Alarms"]["Rollback"] = False

    found = sabotaged("AWS::ECS::Service", deafen)
    assert any("no alarm takes its release back" in fault for fault in found)


def test_scaling_by_a_metric_that_nobody_publishes_is_found(sabotaged):
    """A service would stay at one replica whatever the load."""

    def misname(properties):
        tracked = properties.get("TargetTrackingScalingPolicyConfiguration")
        if tracked:
            tracked["CustomizedMetricSpecification"]["MetricName"] = "QueueLength"

    found = sabotaged("AWS::ApplicationAutoScaling::ScalingPolicy", misname)
    assert sum("which no replica publishes so" in fault for fault in found) == 2
