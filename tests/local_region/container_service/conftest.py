"""Real containers, real models: one model's service behind a listener, on the test's own loop."""

import asyncio
import json
import os
import random
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from falaj.domain.signature import Batching
from local_region.container_service.containers import ContainerServices, Place
from local_region.container_service.images import ImageSource
from local_region.container_service.listener_rules import Rule, read_action, read_conditions
from local_region.container_service.load_balancer import BalancerListener
from local_region.container_service.target_group import GroupSettings, TargetGroup
from local_region.container_service.task_definition import ServiceSettings, TaskDefinition
from local_region.gateway.messages import Request
from tests.falaj import onnx_models
from tests.local_region.container_service.alarmed import alarmed

ROOT = Path(__file__).parents[3]
DNS = "internal-falaj.me-central-1.elb.amazonaws.com"
SAFE = Batching(batch_axis=0, pad_allowed=False, batch_invariant=True)
ROW = {"inputs": [{"name": "x", "shape": [1, 1, 1], "datatype": "FP32", "data": [1]}]}


def slow():
    """A model that keeps a core busy for some 20 ms: repeated matrix products."""
    size, steps = 160, 150
    weights = numpy_helper.from_array((np.eye(size) * 0.5).astype(np.float32), "w")
    shape = numpy_helper.from_array(np.array([1, size, size], dtype=np.int64), "shape")
    nodes = [helper.make_node("Expand", ["x", "shape"], ["h0"])]
    nodes += [helper.make_node("MatMul", [f"h{n}", "w"], [f"h{n + 1}"]) for n in range(steps)]
    nodes.append(helper.make_node("ReduceMean", [f"h{steps}"], ["y"], axes=[1, 2], keepdims=0))
    return onnx_models.model_bytes(
        nodes,
        [("x", TensorProto.FLOAT, ["n", 1, 1])],
        [("y", TensorProto.FLOAT, ["n"])],
        [weights, shape],
    )


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """One slow model, one request at a time, so that requests are caught in flight."""
    root = tmp_path_factory.mktemp("service-models")
    onnx_models.write_version(root, "slow", 1, slow(), batching=SAFE)
    serving = {"models": {"slow": {"batching": {"enabled": False}}}}
    (root / "serving.json").write_text(json.dumps(serving))
    return root


def definition(models, arn="td:1", command=("python", "-m", "gpu_endpoints.serve"), **variables):
    """A task definition as the template writes it: the models lie in a volume."""
    environment = {
        "FALAJ_MODEL_ROOT": "/models",
        "FALAJ_HOST": "0.0.0.0",  # noqa: S104 - what the image says
        "FALAJ_HTTP_PORT": "8000",
        "FALAJ_GRPC_PORT": "8001",
        "FALAJ_PROVIDERS": "tensorrt,cuda",
        "FALAJ_THREADS": "1",
        "FALAJ_PUBLISHER_KEY": "",
        **variables,
    }
    server = {
        "Name": "server",
        "Image": "registry/assets:falaj",
        "Command": list(command),
        "Environment": [{"Name": key, "Value": value} for key, value in environment.items()],
        "PortMappings": [{"ContainerPort": 8000}, {"ContainerPort": 8001}],
        "MountPoints": [{"SourceVolume": "models", "ContainerPath": "/models"}],
        "StopTimeout": 20,
    }
    properties = {
        "ContainerDefinitions": [server],
        "Volumes": [{"Name": "models", "Host": {"SourcePath": str(models)}}],
    }
    return TaskDefinition.from_properties(properties, arn=arn)


GROUPS = {
    "rest": {"HealthCheckPath": "/v2/health/ready"},
    "grpc": {
        "ProtocolVersion": "GRPC",
        "HealthCheckPath": "/grpc.health.v1.Health/Check",
        "Matcher": {"GrpcCode": "0"},
    },
}


class Fleet:
    """A service and what stands before it."""

    def __init__(self, containers, clock, arn):
        self.containers, self.clock, self._arn = containers, clock, arn
        self.answers, self.releases = [], []

    @property
    def service(self):
        """The service."""
        return self.containers.services[self._arn]

    def put(self, **values):
        """Create the service or change it."""
        registrations = [
            {
                "ContainerName": "server",
                "ContainerPort": port,
                "TargetGroupArn": name,
                "AdvancedConfiguration": {
                    "AlternateTargetGroupArn": f"{name}-green",
                    "ProductionListenerRule": f"{name}-rule",
                },
            }
            for name, port in (("rest", 8000), ("grpc", 8001))
        ]
        properties = {"TaskDefinition": "td:1", "LoadBalancers": registrations, **values}
        settings = ServiceSettings.from_properties(properties, arn=self._arn)
        return self.containers.put_service(settings)

    async def until(self, is_so):
        """Wait until something is so."""
        try:
            async with asyncio.timeout(40):
                while not is_so():  # noqa: ASYNC110 - what is waited for is no event
                    await asyncio.sleep(0.002)
        except TimeoutError as error:
            raise AssertionError(self.told()) from error

    async def answered(self, count):
        """Wait for so many further answers."""
        seen = len(self.answers)
        await self.until(lambda: len(self.answers) >= seen + count)

    async def steady(self, count=None):
        """Wait until what is wanted runs."""
        if count is not None:
            self.service.scale(count)
        try:
            async with asyncio.timeout(40):
                await self.containers.until_steady(self.service)
        except TimeoutError as error:
            raise AssertionError(self.told()) from error

    async def ask(self, listener="rest-listener", path="/v2/models/slow/infer", body=ROW):
        """One request through the load balancer."""
        request = Request(
            method="POST" if body else "GET",
            path=path,
            query="",
            headers=(("host", DNS), ("content-type", "application/json")),
            body=json.dumps(body).encode() if body else b"",
            source_ip="127.0.0.1",
        )
        response = await self.containers.balancing.answer(listener, request)
        self.answers.append(response.status)
        self.releases.append(dict(response.headers).get("x-falaj-release", ""))
        if response.status != 200:
            await asyncio.sleep(0.05)  # as a client backs off: the others shall run, too
        return response

    def told(self):
        """What a failed test should say."""
        tasks = [(t.id[:4], t.state.value, t.reason, t.pids) for t in self.service.tasks]
        groups = self.containers.balancing.groups
        targets = [
            (name, t.id[:4], t.health, t.outstanding, t.address)
            for name, group in groups.items()
            for t in group.targets.values()
        ]
        said = (self.answers[-50:], self.service.last_failure, self.lines[-10:])
        return f"{tasks}\n{targets}\n{said}"

    def busy(self):
        """Each task's requests under way."""
        return {
            task.id: sum(target.outstanding for _, target in self.service.targets(task))
            for task in self.service.tasks
        }

    def pid(self, task):
        """The server's process."""
        return task.pids["server"]


@asynccontextmanager
async def opened(models, **attributes):
    """Open a fleet without tasks."""
    with alarmed() as (clock, aws, cloudwatch):
        fleet = fleet_of(models, clock, aws, cloudwatch, **attributes)
        try:
            yield fleet
        finally:
            await fleet.containers.close()


def fleet_of(models, clock, aws, cloudwatch, **attributes):
    """Make a fleet without tasks."""
    lines = []
    containers = ContainerServices(
        clock=clock,
        rng=random.Random(3),
        aws=aws,
        cloudwatch=cloudwatch,
        place=Place(
            variables={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
            grpc_port=0,
            log=lambda name, line, **_: lines.append((name, line)),
        ),
    )
    given = {"load_balancing.algorithm.type": "least_outstanding_requests", **attributes}
    pairs = [{"Key": key, "Value": value} for key, value in given.items()]
    for name, properties in GROUPS.items():
        settings = GroupSettings.from_properties(
            {**properties, "HealthCheckIntervalSeconds": "5", "TargetGroupAttributes": pairs},
            arn=name,
        )
        containers.balancing.groups[name] = TargetGroup(settings, random.Random(1))
        green = replace(settings, arn=f"{name}-green")
        containers.balancing.groups[green.arn] = TargetGroup(green, random.Random(1))
    for name in GROUPS:
        listener = BalancerListener(
            arn=f"{name}-listener",
            load_balancer_arn="lb",
            port=80,
            default=read_action(
                [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
            ),
        )
        field = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}
        forward = [{"Type": "forward", "TargetGroupArn": name}]
        listener.rules[f"{name}-rule"] = Rule(
            priority=1, conditions=read_conditions([field]), action=read_action(forward)
        )
        containers.balancing.listeners[listener.arn] = listener
    source = ImageSource(
        context=ROOT,
        dockerfile="gpu_endpoints/Dockerfile",
        arguments={"REQUIREMENTS": "requirements-cpu"},
    )
    containers.images.offer("falaj", source)
    containers.definitions["td:1"] = definition(models)
    fleet = Fleet(containers, clock, "arn:aws:ecs:me-central-1:0:service/falaj/slow")
    fleet.lines, fleet.cloudwatch, fleet.aws = lines, cloudwatch, aws
    return fleet
