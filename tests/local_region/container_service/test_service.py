"""Promise: a service keeps what is wanted running, and no answer is lost on the way.

The containers are real: the repository's own image, a real model, real requests.
"""

import asyncio
import json
import os
import signal
from dataclasses import replace
from datetime import timedelta

import grpc
import numpy as np
from tritonclient.grpc import aio
from tritonclient.utils import InferenceServerException

from local_region.container_service.ecs_api import EcsApi
from local_region.gateway.messages import Request
from tests.local_region.container_service.conftest import definition, opened

METHOD = "/inference.GRPCInferenceService/ModelInfer"


def run(story, models, **attributes):
    """Play a story on a loop of its own."""

    async def played():
        async with opened(models, **attributes) as fleet:
            await story(fleet)

    asyncio.run(played())


async def callers(fleet, count, until, ask=None):
    """So many callers, each with one request after the other."""

    async def one():
        while not until.is_set():
            await (ask or fleet.ask)()

    return [asyncio.ensure_future(one()) for _ in range(count)]


def test_tasks_come_answer_and_go_without_a_loss(model_folder):
    """Two replicas under load become one: every request of every caller is answered."""

    async def story(fleet):
        fleet.put(DesiredCount="2")
        await fleet.steady()
        assert len({fleet.pid(task) for task in fleet.service.tasks}) == 2
        done = asyncio.Event()
        working = await callers(fleet, 4, done)
        await fleet.answered(20)
        await fleet.steady(1)
        await fleet.answered(10)
        done.set()
        await asyncio.gather(*working)
        assert set(fleet.answers) == {200}
        assert len(fleet.service.tasks) == 1

    run(story, model_folder)


def test_a_killed_replica_loses_only_what_it_worked_on(model_folder):
    """SIGKILL under load: its in-flight requests fail, every later one is served by another."""

    async def story(fleet):
        fleet.put(DesiredCount="2")
        await fleet.steady()
        done = asyncio.Event()
        working = await callers(fleet, 6, done)
        await fleet.answered(20)
        await fleet.until(lambda: min(fleet.busy().values()) >= 2)
        victim = fleet.service.tasks[0]
        (_, target), *_ = fleet.service.targets(victim)
        answered = target.served - target.outstanding
        os.kill(fleet.pid(victim), signal.SIGKILL)
        await fleet.answered(40)
        failed = len(fleet.answers) - fleet.answers.count(200)
        assert 0 < failed <= target.served - answered <= 12
        fleet.clock.leap(fleet.clock.now() + timedelta(seconds=2))
        await fleet.steady()
        assert len(fleet.service.tasks) == 2
        assert victim not in fleet.service.tasks
        done.set()
        await asyncio.gather(*working)
        assert len(fleet.answers) - fleet.answers.count(200) == failed

    run(story, model_folder)


def test_a_stalled_replica_is_replaced(model_folder):
    """One that no longer answers its checks is taken out, another comes, then it is stopped."""

    async def story(fleet):
        fleet.put(DesiredCount="1")
        await fleet.steady()
        stalled = fleet.service.tasks[0]
        os.kill(fleet.pid(stalled), signal.SIGSTOP)
        for group in fleet.containers.balancing.groups.values():
            for _ in range(group.settings.health_check.unhealthy_threshold):
                group.checked(stalled.id, has_passed=False, reason="Target.Timeout")
        fleet.service.reconcile()
        assert len(fleet.service.running) == 2
        assert stalled in fleet.service.running
        while fleet.service.healthy == []:
            await fleet.containers.tick()
            await asyncio.sleep(0.05)
        fleet.service.reconcile()
        assert stalled not in fleet.service.running
        os.kill(fleet.pid(stalled), signal.SIGCONT)
        await fleet.steady()
        assert (await fleet.ask()).status == 200

    run(story, model_folder)


def test_a_release_replaces_another_without_a_loss(model_folder):
    """A new task definition under load: no request fails, and at the end only it answers."""

    async def story(fleet):
        fleet.containers.definitions["td:2"] = definition(
            model_folder, arn="td:2", FALAJ_RELEASE="two"
        )
        fleet.put(DesiredCount="1")
        await fleet.steady()
        done = asyncio.Event()
        working = await callers(fleet, 3, done)
        fleet.put(DesiredCount="1", TaskDefinition="td:2")
        await fleet.steady()
        done.set()
        await asyncio.gather(*working)
        assert set(fleet.answers) == {200}
        assert dict((await fleet.ask()).headers)["x-falaj-release"] == "two"

    run(story, model_folder)


def test_a_release_that_does_not_live_is_given_up(model_folder):
    """After three tasks that ended before they answered, the last good definition stays."""

    async def story(fleet):
        fleet.containers.definitions["td:bad"] = definition(
            model_folder, arn="td:bad", FALAJ_DRAIN_S="soon"
        )
        breaker = {"DeploymentCircuitBreaker": {"Enable": "true", "Rollback": "true"}}
        wanted = {"DeploymentConfiguration": breaker, "HealthCheckGracePeriodSeconds": "600"}
        fleet.put(DesiredCount="1", **wanted)
        await fleet.steady()
        fleet.put(DesiredCount="1", TaskDefinition="td:bad", **wanted)
        while fleet.service.settings.task_definition_arn == "td:bad":
            fleet.clock.leap(fleet.clock.now() + timedelta(seconds=10))
            await fleet.containers.tick()
            assert (await fleet.ask()).status == 200
            await asyncio.sleep(0.05)
        assert "FALAJ_DRAIN_S" in fleet.service.failed
        await fleet.steady()

    run(story, model_folder)


def test_grpc_clients_work_through_a_local_port(model_folder):
    """tritonclient, unmodified: health, metadata, inference; and each call finds a replica."""

    async def story(fleet):
        fleet.put(DesiredCount="2")
        await fleet.containers.open_grpc("grpc-listener", "slow.local")
        await fleet.steady()
        address = fleet.containers.grpc_addresses()["slow.local"]
        async with aio.InferenceServerClient(address) as client:
            assert await client.is_server_ready()
            tensor = aio.InferInput("x", [1, 1, 1], "FP32")
            tensor.set_data_from_numpy(np.ones((1, 1, 1), dtype=np.float32))
            results = await asyncio.gather(*(client.infer("slow", [tensor]) for _ in range(8)))
            assert {result.as_numpy("y").shape for result in results} == {(1,)}
        group = fleet.containers.balancing.groups["grpc"]
        assert min(target.served for target in group.targets.values()) > 0

    run(story, model_folder)


def test_grpc_errors_and_scale_in_pass_through(model_folder):
    """An unknown model is NOT_FOUND with its trailers; nobody left is UNAVAILABLE."""

    async def story(fleet):
        fleet.put(DesiredCount="1")
        await fleet.containers.open_grpc("grpc-listener", "slow.local")
        await fleet.steady()
        address = fleet.containers.grpc_addresses()["slow.local"]
        async with grpc.aio.insecure_channel(address) as channel:
            call = channel.unary_unary(METHOD)(b"\x0a\x06nobody")
            assert await call.code() is grpc.StatusCode.NOT_FOUND
            assert ("falaj-code", "unknown_model") in tuple(await call.trailing_metadata())
            await fleet.steady(0)
            gone = channel.unary_unary(METHOD)(b"\x0a\x04slow")
            assert await gone.code() is grpc.StatusCode.UNAVAILABLE
        assert (await fleet.ask()).status == 503

    run(story, model_folder)


def test_a_service_that_never_lives_is_told(model_folder):
    """Without a circuit breaker, too, waiting ends after three tasks, with what they said."""

    async def story(fleet):
        fleet.containers.definitions["td:1"] = definition(model_folder, FALAJ_DRAIN_S="soon")
        fleet.put(DesiredCount="1", HealthCheckGracePeriodSeconds="3600")
        while not fleet.service.is_failing:
            fleet.clock.leap(fleet.clock.now() + timedelta(seconds=1))
            await fleet.containers.tick()
            await asyncio.sleep(0.02)
        await fleet.steady()
        assert "FALAJ_DRAIN_S" in fleet.service.last_failure
        assert fleet.service.failed == ""

    run(story, model_folder)


def test_ecs_answers_operators_and_breakers(model_folder):
    """Describe, scale, list, stop: as boto3 sends them; what cannot be done is refused by name."""

    async def story(fleet):
        api = EcsApi(fleet.containers)

        async def call(name, **asked):
            request = Request(
                method="POST",
                path="/",
                query="",
                headers=(("x-amz-target", f"AmazonEC2ContainerServiceV20141113.{name}"),),
                body=json.dumps(asked).encode(),
                source_ip="127.0.0.1",
            )
            response = await api.serve(request)
            return response.status, json.loads(response.body)

        fleet.put(DesiredCount="0")
        await call("UpdateService", cluster="falaj", service="slow", desiredCount=1)
        await fleet.steady()
        _, said = await call("DescribeServices", services=["slow", "nobody"])
        assert [s["runningCount"] for s in said["services"]] == [1]
        assert [f["arn"] for f in said["failures"]] == ["nobody"]
        _, said = await call("ListTasks", serviceName="slow")
        (first,) = said["taskArns"]
        await call("StopTask", task=first)
        await fleet.steady()
        _, said = await call("ListTasks")
        assert first not in said["taskArns"]
        assert len(said["taskArns"]) == 1
        refused = [
            await call("UpdateService", service="nobody", desiredCount=1),
            await call("UpdateService", service="slow", desiredCount=-1),
            await call("UpdateService", service="slow", taskDefinition="td:2"),
            await call("StopTask", task="nothing"),
            await call("DeleteCluster", cluster="falaj"),
        ]
        assert {status for status, _ in refused} == {400}
        assert refused[0][1]["__type"] == "ServiceNotFoundException"
        assert refused[-1][1]["__type"] == "InvalidAction"

    run(story, model_folder)


def test_a_service_whose_image_is_built_elsewhere_has_no_tasks(model_folder):
    """There is no Docker here: nothing is started, and whoever asks is told that nobody answers."""

    async def story(fleet):
        service = fleet.put(DesiredCount="0")
        service.change(replace(service.settings, is_runnable=False))
        service.scale(2)
        assert service.tasks == []
        assert (await fleet.ask()).status == 503

    run(story, model_folder)


def test_a_protected_replica_is_not_scaled_in(model_folder):
    """Who says that it works stays; the other goes, and it too once its protection has passed."""

    async def story(fleet):
        api = EcsApi(fleet.containers)
        fleet.put(DesiredCount="2")
        await fleet.steady()
        newest = fleet.service.tasks[-1]
        request = Request(
            method="PUT",
            path=f"/ecs-agent/{newest.id}/task-protection/v1/state",
            query="",
            headers=(),
            body=b'{"ProtectionEnabled": true, "ExpiresInMinutes": 5}',
            source_ip="127.0.0.1",
        )
        assert (await api.serve_agent(request)).status == 200
        await fleet.steady(1)
        assert fleet.service.tasks == [newest]
        fleet.service.scale(0)
        assert fleet.service.running == [newest]
        fleet.clock.leap(fleet.clock.now() + timedelta(minutes=5))
        await fleet.steady(0)
        assert fleet.service.tasks == []
        assert (await api.serve_agent(request)).status == 400

    run(story, model_folder)


def test_a_killed_replica_loses_only_its_calls_over_grpc_too(model_folder):  # noqa: PLR0915 - one story
    """SIGKILL under gRPC load: UNAVAILABLE for the calls it was given, all others are answered.

    A call that is given to it between its death and the balancer's learning of it is one of them.
    """

    async def story(fleet):
        fleet.put(DesiredCount="2")
        await fleet.containers.open_grpc("grpc-listener", "slow.local")
        await fleet.steady()
        address = fleet.containers.grpc_addresses()["slow.local"]
        tensor = aio.InferInput("x", [1, 1, 1], "FP32")
        tensor.set_data_from_numpy(np.ones((1, 1, 1), dtype=np.float32))
        done = asyncio.Event()

        async with aio.InferenceServerClient(address) as client:

            async def ask():
                try:
                    await client.infer("slow", [tensor])
                except InferenceServerException as error:
                    fleet.answers.append(error.status())
                    await asyncio.sleep(0.05)
                else:
                    fleet.answers.append(200)

            working = await callers(fleet, 6, done, ask)
            await fleet.answered(20)
            await fleet.until(lambda: min(fleet.busy().values()) >= 2)
            victim = fleet.service.tasks[0]
            (_, target), *_ = fleet.service.targets(victim)[::-1]
            answered = target.served - target.outstanding
            os.kill(fleet.pid(victim), signal.SIGKILL)
            await fleet.answered(40)
            done.set()
            await asyncio.gather(*working)
        failed = [answer for answer in fleet.answers if answer != 200]
        assert 0 < len(failed) <= target.served - answered <= 6
        assert set(failed) == {"StatusCode.UNAVAILABLE"}

    run(story, model_folder)
