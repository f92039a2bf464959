"""Zero lost, zero duplicated: whatever is killed, the same run again ends in the same bytes."""

import json
from hashlib import sha256

import pytest

from falaj.batch.plan import Plan
from falaj.batch.work import Batch
from falaj.domain.objects import Place
from falaj.errors import BatchIncompleteError, BatchRefusedError
from tests.falaj.batch.memory_store import KilledError, MemoryStore

CSV = b"id,a,b,c\n" + b"".join(b"c%d,%d,1,2\n" % (n, n) for n in range(400))
LINES = b"".join(
    b'{"id": "j%d", "x": [%d, 0, 1]}\n' % (n, n) if n % 50 else b'{"id": "j%d"}\n' % n
    for n in range(300)
)
INPUTS = {
    "in/a.csv": CSV,
    "in/b/c.jsonl": LINES,
    "in/_temporary/x.parquet": b"?",
    "in/b/": b"",
}


def _batch(repository, stores, *, model="rows", source="in", target="out", size=1024):
    return Batch(
        repository.model(model),
        source=Place.parse(f"s3://records/{source}"),
        target=Place.parse(f"s3://answers/{target}"),
        open_store=stores.__getitem__,
        shard_bytes=size,
    )


def _stores():
    return {"records": MemoryStore(INPUTS), "answers": MemoryStore()}


def _run(repository, stores, **options):
    batch = _batch(repository, stores, **options)
    for shard in batch.plan().shards:
        batch.shard(shard)
    return batch.finish()


def test_every_record_is_answered_or_quarantined_once(repository):
    """The manifest's sums are those of the lines, and each object has the hash it promises."""
    stores = _stores()
    summary = _run(repository, stores)
    answers = stores["answers"].objects
    assert (summary.records, summary.answered, summary.quarantined) == (700, 694, 6)
    assert summary.shards > 10
    keys, objects = [], {}
    for shard in json.loads(answers["out/_SUCCESS.json"])["shards"]:
        for told in (shard["answers"], shard["quarantine"]):
            if told:
                content = objects[told["object"]] = answers[f"out/{told['object']}"]
                assert sha256(content).hexdigest() == told["sha256"]
                keys += [json.loads(line)["key"] for line in content.splitlines()]
    assert sorted(keys) == sorted([f"c{n}" for n in range(400)] + [f"j{n}" for n in range(300)])
    data = {name for name in answers if "part-" in name}
    assert data == {f"out/{name}" for name in objects}


def test_run_killed_at_any_write_ends_in_the_same_bytes(repository):
    """Before or after each single write: repeated, it skips what is done and differs in nothing."""
    whole = _stores()
    _run(repository, whole, size=4096)
    writes = len(whole["answers"].objects)
    assert writes > 12
    for allowed in range(writes):
        for is_written in (False, True):
            stores = _stores()
            stores["answers"].dies, stores["answers"].is_written = allowed, is_written
            with pytest.raises(KilledError):
                _run(repository, stores, size=4096)
            stores["answers"].dies = None
            _run(repository, stores, size=4096)
            assert stores["answers"].objects == whole["answers"].objects


def test_repeated_run_reads_no_record_again(repository):
    """Shards with a receipt are skipped."""
    stores = _stores()
    first = _run(repository, stores)
    reads = stores["records"].reads
    assert _run(repository, stores) == first
    assert stores["records"].reads == reads


def test_unfinished_run_has_no_success(repository):
    """Whoever waits for `_SUCCESS.json` never reads half of the answers."""
    stores = _stores()
    batch = _batch(repository, stores)
    plan = batch.plan()
    batch.shard(plan.shards[1])
    with pytest.raises(BatchIncompleteError) as refused:
        batch.finish()
    assert refused.value.missing == (0, *range(2, len(plan.shards)))
    assert "out/_SUCCESS.json" not in stores["answers"].objects


def test_object_of_a_stray_attempt_is_named(repository):
    """A model that answers the same differently would double records; that is found."""
    stores = _stores()
    batch = _batch(repository, stores)
    for shard in batch.plan().shards:
        batch.shard(shard)
    stores["answers"].objects["out/part-000000-0000000000000000.jsonl"] = b"{}\n"
    with pytest.raises(BatchRefusedError, match="part-000000-0000000000000000"):
        batch.finish()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "whole"}, "differs in: model"),
        ({"size": 2048}, "differs in: shard size"),
        ({"source": "in/b"}, "differs in: source, inputs"),
    ],
)
def test_another_run_is_not_mixed_in(repository, change, words):
    """A prefix holds the answers of one run."""
    stores = _stores()
    _run(repository, stores)
    with pytest.raises(BatchRefusedError, match=words):
        _batch(repository, stores, **change).plan()


def test_input_that_changes_meanwhile_is_refused(repository):
    """Every shard is of the object that was planned, or not answered."""
    stores = _stores()
    batch = _batch(repository, stores)
    plan = batch.plan()
    stores["records"].objects["in/a.csv"] = CSV[:-1]
    with pytest.raises(BatchRefusedError, match="changed"):
        batch.shard(plan.shards[0])
    with pytest.raises(BatchRefusedError, match="differs in: inputs"):
        batch.plan()


def test_prefix_with_strange_objects_is_refused(repository):
    """Answers are not put among what nobody accounts for."""
    stores = _stores() | {"answers": MemoryStore({"out/old.jsonl": b"{}"})}
    with pytest.raises(BatchRefusedError, match=r"out/old\.jsonl"):
        _batch(repository, stores).plan()


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("s3://records/in", "s3://records/in/out", "would lie among the records"),
        ("s3://records", "s3://records/out", "would lie among the records"),
        ("s3://records/in", "s3://answers", "whole bucket"),
    ],
)
def test_places_that_cannot_be_are_refused(repository, source, target, words):
    """Answers are never read as records by the next run."""
    with pytest.raises(BatchRefusedError, match=words):
        Batch(
            repository.model("rows"),
            source=Place.parse(source),
            target=Place.parse(target),
            open_store=_stores().__getitem__,
        )


@pytest.mark.parametrize("address", ["", None, "in/prefix", "http://a/b", "s3://A/b", "s3:///b"])
def test_address_that_is_none_is_refused(address):
    """A mistyped address is said to be one."""
    with pytest.raises(BatchRefusedError, match="write s3://bucket/prefix"):
        Place.parse(address)


def test_empty_prefix_is_refused(repository):
    """No records are no success."""
    with pytest.raises(BatchRefusedError, match="holds no records"):
        _batch(repository, _stores(), source="nothing").plan()


def test_plan_is_read_as_it_was_written(repository):
    """A worker of another day reads the plan of the first."""
    plan = _batch(repository, _stores()).plan()
    assert Plan.from_json(plan.to_json(), plan.shards_json()) == plan
    assert plan.ignored == ("in/_temporary/x.parquet", "in/b/")
