"""Promise: a service without a GPU is a GPU's service on Fargate, with the engine asked for."""

import json

import pytest
from botocore.session import Session

from catalogue.compute import Compute, Target
from infra.config.deployment import Deployment
from infra.stacks.gpu import GpuStack
from tests.catalogue.test_spec import minimal
from tests.infra.conftest import Assembly
from tests.infra.stacks.test_gpu import (
    GROUP,
    POLICY,
    SHARED,
    allowed,
    container,
    deployment,
    environment,
)

# isort: split
# After infra, which names jsii's Node.
from aws_cdk import App

STACK = "FalajGpuModel-ranking"


def task(gpu):
    """The service's task definition."""
    return gpu.one(STACK, "AWS::ECS::TaskDefinition")["Properties"]


def test_a_task_is_alone_in_a_machine_of_awss(gpu):
    """Its size in CPU units and MiB; no GPU, no host, and nothing kept of a machine's memory."""
    told, server = task(gpu), container(gpu, STACK, "server")
    service = gpu.one(STACK, "AWS::ECS::Service")["Properties"]
    assert (told["RequiresCompatibilities"], told["NetworkMode"]) == (["FARGATE"], "awsvpc")
    assert (told["Cpu"], told["Memory"]) == ("2048", "4096")
    assert told["Volumes"] == [{"Name": "models"}, {"Name": "cache"}]
    refused_there = {"ResourceRequirements", "MemoryReservation", "Privileged"}
    assert not refused_there & server.keys()
    assert service["CapacityProviderStrategy"] == [{"CapacityProvider": "FARGATE", "Weight": 1}]
    assert "PlacementConstraints" not in service


def test_its_replicas_have_no_more_rights_than_a_gpus(gpu):
    """Own user, no capability, a root it cannot write, no public address, no shell from outside."""
    server = container(gpu, STACK, "server")
    service = gpu.one(STACK, "AWS::ECS::Service")["Properties"]
    (role,) = [r for id_, r in gpu.of_type(STACK, "AWS::IAM::Role").items() if "Does" in id_]
    assert (server["User"], server["ReadonlyRootFilesystem"]) == ("10001", True)
    assert server["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
    network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert (network["AssignPublicIp"], service["EnableExecuteCommand"]) == ("DISABLED", False)
    assert len(network["Subnets"]) == 3
    assert set(allowed(role)) - {"ReadTenantKeys", "DecryptTenantKeys"} == {
        "ReadModels",
        "ProtectItself",
    }


def test_the_engine_its_precision_and_its_threads_are_pinned(gpu):
    """Written into the task, read back by the container before it serves."""
    told = environment(container(gpu, STACK, "server"))
    assert (told["FALAJ_PROVIDERS"], told["FALAJ_PRECISION"]) == ("openvino", "fp32")
    assert told["FALAJ_THREADS"] == "2"
    assert "FALAJ_PROVIDER_FALLBACK" not in told


def test_the_optional_image_is_built_from_the_one_dockerfile(gpu):
    """The same tree as the GPU's, other packages; both lie in the account's own registry."""
    images = {
        stack: json.loads((gpu.folder / f"{stack}.assets.json").read_bytes())["dockerImages"]
        for stack in (STACK, "FalajGpuModel-vision")
    }
    ((tag, mine),), ((other, its),) = (found.items() for found in images.values())
    assert mine["source"]["dockerBuildArgs"] == {
        "REQUIREMENTS": "requirements-openvino",
        "PROVIDERS": "openvino",
    }
    assert "dockerBuildArgs" not in its["source"]
    assert tag != other
    assert {key: mine["source"][key] for key in ("directory", "dockerFile", "platform")} == its[
        "source"
    ]
    (destination,) = mine["destinations"].values()
    assert destination["region"] == "me-central-1"


def test_it_scales_by_queue_time_alone(gpu):
    """A processor tells no GPU's utilisation: following it would hold replicas for ever."""
    policies = gpu.of_type(STACK, POLICY).values()
    tracked = [
        each["Properties"]["TargetTrackingScalingPolicyConfiguration"][
            "CustomizedMetricSpecification"
        ]["MetricName"]
        for each in policies
    ]
    target = gpu.one(STACK, "AWS::ApplicationAutoScaling::ScalableTarget")["Properties"]
    assert tracked == ["QueueTime"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 3)


def test_its_releases_get_a_share_first(gpu):
    """Canary by itself: every zone has room for a second fleet; six alarms take it back."""
    found = deployment(gpu, STACK)
    assert found["Strategy"] == "CANARY"
    assert len(found["Alarms"]["AlarmNames"]) == 6
    assert len(gpu.of_type(STACK, GROUP)) == 4


def test_a_cpu_version_stands_behind_it(gpu):
    """`fallback: lambda` is before this service as before a GPU's."""
    (function,) = gpu.of_type(STACK, "AWS::Lambda::Function").values()
    told = function["Properties"]["Environment"]["Variables"]
    assert "FALAJ_FALLBACK" in told
    assert function["Properties"]["Description"] == "Before the container service of ranking"
    assert "FalajModel-ranking" in gpu.templates


def test_the_shared_cluster_knows_fargate_beside_the_machines(gpu):
    """Both kinds of service share network, balancer and cluster."""
    associated = gpu.one(SHARED, "AWS::ECS::ClusterCapacityProviderAssociations")["Properties"]
    assert associated["CapacityProviders"][-1] == "FARGATE"
    assert len(associated["CapacityProviders"]) == 2


def test_ecs_takes_the_tasks_size(gpu):
    """Its own description of the parameter names this memory beside these CPU units."""
    shape = Session().get_service_model("ecs").shape_for("RegisterTaskDefinitionRequest")
    said = shape.members["memory"].documentation
    (line,) = [each for each in said.split("<li>") if f"{task(gpu)['Cpu']} (2 vCPU)" in each]
    assert f"{task(gpu)['Memory']} (4 GB)" in line


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What a deployment shares whose only service has no GPU."""
    folder = tmp_path_factory.mktemp("alone")
    app = App(outdir=str(folder), builtin_cloud_formation_validation=False)
    spec = minimal(name="triage", compute=Compute(target=Target.CONTAINER))
    GpuStack(app, SHARED, deployment=Deployment(), models=[spec])
    app.synth()
    return Assembly(folder)


def test_without_a_gpu_there_are_no_machines(alone):
    """No group, no template, no instance role, no agent's endpoints, and no word of GPUs."""
    resources = alone.template(SHARED)["Resources"].values()
    kinds = {each["Type"] for each in resources}
    services = {
        each["Properties"]["ServiceName"].rpartition("me-central-1.")[2]
        for each in resources
        if each["Type"] == "AWS::EC2::VPCEndpoint"
    }
    absent = {"AutoScaling::AutoScalingGroup", "EC2::LaunchTemplate", "ECS::CapacityProvider"}
    assert not {f"AWS::{kind}" for kind in absent} & kinds
    assert {"ecs-agent", "ecs-telemetry"}.isdisjoint(services)
    assert {"ecs", "ecr.api", "ecr.dkr", "s3", "logs"} <= services
    assert alone.template(SHARED)["Description"].endswith("what container services share")
