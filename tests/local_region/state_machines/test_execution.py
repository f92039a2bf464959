"""Machines are carried out as written, retried as said, and refused where they say more."""

import asyncio
import json
import random

import pytest

from falaj.errors import ConfigurationError
from infra.constructs.batch_machine import definition
from local_region.state_machines.definition import read
from local_region.state_machines.execution import Interpreter
from local_region.state_machines.paths import StateError

INPUT = {
    "function": "arn:f:3",
    "source": "s3://a/in",
    "target": "s3://b/out",
    "model_version": "2",
    "shard_bytes": 1024,
    "concurrency": 2,
    "tolerated": 0,
}


class World:
    """Functions that answer as they are told, and how many ran at a time."""

    def __init__(self, shards=5, *, fails=()):
        self.shards, self.fails = shards, dict(fails)
        self.asked, self.busy, self.most = [], 0, 0

    async def invoke(self, function, payload):
        """Answer one step, or fail as often as was said."""
        assert function == "arn:f:3"
        self.busy += 1
        self.most = max(self.most, self.busy)
        await asyncio.sleep(0)
        self.busy -= 1
        place = payload.get("shard", {}).get("number", payload["step"])
        self.asked.append(place)
        error, left = self.fails.get(place, ("", 0))
        if left:
            self.fails[place] = error, left - 1
            raise StateError(error, "as told")
        if payload["step"] == "plan":
            return {"bucket": "b", "key": "out/_falaj/shards.json", "shards": self.shards}
        return {"step": payload["step"], "target": payload["target"]}

    async def read(self, bucket, key):
        """Return the shards."""
        assert (bucket, key) == ("b", "out/_falaj/shards.json")
        return json.dumps([{"number": number} for number in range(self.shards)]).encode()


def _run(world, **change):
    maps, slept = [], []

    async def sleep(seconds):
        slept.append(seconds)

    interpreter = Interpreter(world=world, rng=random.Random(1), on_map=maps.append, sleep=sleep)
    machine = read(json.dumps(definition()))
    try:
        output = asyncio.run(interpreter.run(machine, {**INPUT, **change}, {}))
    except StateError as error:
        output = error.error
    return output, maps, slept


def test_batch_machine_is_carried_out():
    """Plan, every shard once, never more at a time than asked, then the sum."""
    world = World(shards=7)
    output, maps, _ = _run(world)
    assert output == {"step": "finish", "target": "s3://b/out"}
    assert world.asked[0] == "plan"
    assert sorted(world.asked[1:-1]) == list(range(7))
    assert world.asked[-1] == "finish"
    assert world.most == 2
    assert (maps[0].status, maps[0].succeeded, maps[0].total) == ("SUCCEEDED", 7, 7)


def test_transient_failure_is_retried_with_backoff():
    """As often as the machine says, at growing distances with full jitter."""
    world = World(fails={3: ("DependencyError", 4)})
    output, _, slept = _run(world)
    assert output["step"] == "finish"
    assert world.asked.count(3) == 5
    assert all(0 <= delay <= 2 * 2**place for place, delay in enumerate(slept))
    assert len(slept) == 4


def test_lasting_failure_ends_the_map():
    """What no retrier names is not repeated; what begins no more is counted as aborted."""
    world = World(shards=9, fails={0: ("BatchRefusedError", 99)})
    output, maps, slept = _run(world, concurrency=1)
    assert output == "States.ExceedToleratedFailureThreshold"
    assert (maps[0].status, maps[0].failed, slept) == ("FAILED", 1, [])
    assert maps[0].aborted == 9 - 1 - maps[0].succeeded
    assert "finish" not in world.asked


def test_retries_come_to_an_end():
    """Six more attempts, then it has failed."""
    world = World(fails={"plan": ("Lambda.TooManyRequestsException", 99)})
    output, _, slept = _run(world)
    assert (output, len(slept)) == ("Lambda.TooManyRequestsException", 6)


def test_tolerated_failures_let_the_others_be_answered():
    """The sum then says what is missing."""
    world = World(shards=4, fails={1: ("BatchRefusedError", 99)})
    output, maps, _ = _run(world, tolerated=1)
    assert output["step"] == "finish"
    assert (maps[0].succeeded, maps[0].failed) == (3, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["States"]["Plan"].update(Catch=[]), "States.Plan: field 'Catch'"),
        (lambda d: d["States"]["Plan"].update(Type="Wait"), "type 'Wait' is not known"),
        (lambda d: d["States"]["Plan"].update(Next="Nowhere"), "a Next that is there"),
        (lambda d: d["States"]["Plan"].update(ResultPath="$.a[0]"), "path '$.a[0]'"),
        (lambda d: d.update(QueryLanguage="JSONata"), "field 'QueryLanguage'"),
        (lambda d: d["States"]["Shards"].update(ItemBatcher={}), "field 'ItemBatcher'"),
        (
            lambda d: d["States"]["Shards"]["ItemReader"]["ReaderConfig"].update(InputType="CSV"),
            "only one JSON array",
        ),
        (
            lambda d: d["States"]["Shards"]["ItemProcessor"]["ProcessorConfig"].update(
                Mode="INLINE"
            ),
            "mode DISTRIBUTED",
        ),
        (
            lambda d: d["States"]["Finish"].update(Resource="arn:aws:states:::sqs:sendMessage"),
            "sqs:sendMessage' is not known",
        ),
    ],
)
def test_what_is_not_carried_out_is_refused_by_name(change, words):
    """Never a silent skip."""
    machine = definition()
    change(machine)
    with pytest.raises(ConfigurationError) as refused:
        read(json.dumps(machine))
    assert words in str(refused.value)
