"""S3 and its stand-in in memory keep the same promises."""

import pytest

from falaj.aws.batch_store import S3Store
from falaj.errors import BatchRefusedError
from local_region.backends.moto_backends import MotoBackends
from tests.falaj.batch.memory_store import MemoryStore

ENDPOINT = "http://127.0.0.1:1"  # never connected to: answers come from this process


@pytest.fixture(scope="module")
def client():
    """An account of S3 in this process."""
    backends = MotoBackends.open(account="000000000035", region="me-central-1", endpoint=ENDPOINT)
    yield backends.client("s3")
    backends.close()


@pytest.fixture(params=["s3", "memory"])
def store(request, client):
    """An empty bucket."""
    if request.param == "memory":
        return MemoryStore()
    name = f"b{abs(hash(request.node.nodeid))}"
    where = {"LocationConstraint": "me-central-1"}
    client.create_bucket(Bucket=name, CreateBucketConfiguration=where)
    return S3Store(client, name)


def test_object_is_written_once(store):
    """The same again is no error, another content is."""
    store.write_once("out/a", b"1")
    store.write_once("out/a", b"1")
    with pytest.raises(BatchRefusedError):
        store.write_once("out/a", b"2")
    assert store.find("out/a") == b"1"
    assert store.find("out/b") is None


def test_range_is_of_the_object_that_was_listed(store):
    """A later object of the name is not read for the earlier."""
    store.write_once("in/b", b"0123456789")
    store.write_once("in/a", b"")
    store.write_once("other", b"")
    listed = list(store.listed("in/"))
    assert [(each.name, each.size) for each in listed] == [("in/a", 0), ("in/b", 10)]
    etag = listed[1].etag
    assert store.read("in/b", start=2, end=5, etag=etag) == b"234"
    assert store.read("in/b", start=3, end=3, etag=etag) == b""
    for name, tag in (("in/b", '"0123"'), ("in/c", etag)):
        with pytest.raises(BatchRefusedError):
            store.read(name, start=0, end=1, etag=tag)
