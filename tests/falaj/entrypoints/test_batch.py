"""The batch function does one step at a time, and says in its log how many, never what."""

import json

import pytest

from falaj.domain.signature import Batching
from falaj.entrypoints.batch import BatchWorker
from falaj.errors import BatchRefusedError, UnknownVersionError
from tests.falaj import onnx_models
from tests.falaj.batch.memory_store import MemoryStore

ASKED = {"source": "s3://records/in", "target": "s3://answers/out", "shard_bytes": 1024}
LINES = b"".join(b'{"id": "secret-%d", "x": [1, 2, %d]}\n' % (n, n) for n in range(99)) + b"bad\n"


@pytest.fixture
def lines():
    """What the function logs."""
    return []


@pytest.fixture
def stores():
    """The buckets."""
    return {"records": MemoryStore({"in/a.jsonl": LINES}), "answers": MemoryStore()}


@pytest.fixture
def worker(tmp_path, stores, lines):
    """A started function."""
    rows = Batching(batch_axis=0, batch_invariant=True)
    onnx_models.write_version(tmp_path, "rows", 1, onnx_models.linear(features=3), batching=rows)
    repository = onnx_models.service_of(tmp_path).repository
    return BatchWorker(repository, "rows", open_store=stores.__getitem__, write=lines.append)


def test_steps_answer_a_whole_run(worker, stores, lines):
    """What the state machine asks for, in its order."""
    planned = worker({"step": "plan", **ASKED})
    shards = json.loads(stores[planned["bucket"]].objects[planned["key"]])
    assert len(shards) == planned["shards"] > 1
    done = [worker({"step": "shard", "shard": shard, **ASKED}) for shard in shards]
    assert sum(each["records"] for each in done) == 100
    told = worker({"step": "finish", **ASKED})
    assert (told["records"], told["answered"], told["quarantined"]) == (100, 99, 1)
    assert told["manifest"] == "s3://answers/out/_SUCCESS.json"
    assert "secret" not in "".join(lines)
    assert [json.loads(line)["level"] for line in lines][-2:] == ["WARNING", "INFO"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"step": "begin"}, BatchRefusedError),
        ({"shard_bytes": "1"}, BatchRefusedError),
        ({"shard_bytes": 1}, BatchRefusedError),
        ({"source": "records"}, BatchRefusedError),
        ({"step": "shard", "shard": {"number": 1}}, BatchRefusedError),
        ({"model_version": "7"}, UnknownVersionError),
    ],
)
def test_event_that_cannot_be_is_refused(worker, change, error):
    """Nothing is guessed."""
    with pytest.raises(error):
        worker({"step": "plan", **ASKED, **change})
