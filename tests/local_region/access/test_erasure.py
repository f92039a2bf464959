"""Promise: tenants' keys change and are destroyed in a running region, and its trail holds.

The real functions, recorder and commands of profile enterprise: a key, the next one, an erasure.
"""

import json

import pytest

from cli.main import run
from falaj.capture.chain import Segment
from falaj.contract import AUDIT_PURPOSE, RECORDER_PARAMETER, bucket_name_parameter
from falaj.domain.clock import SystemClock
from falaj.entrypoints.audit_recorder import CHECKPOINT

MODEL = "open-to-all"
ROW = {"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, -1, 2, -2]}
BODY = json.dumps({"inputs": [ROW]}).encode()
PERSON, OTHER = "784-1990-1234567-1", "784-1985-7654321-2"
ERASED, KEPT = "clinic", "insurer"


class Bank:
    """A region, asked and looked into."""

    def __init__(self, running, issuer, capsys):
        self._running, self._issuer, self._capsys = running, issuer, capsys
        self._aws = running.region.backends
        self._asked = len(self.records())

    def audit(self, *words):
        """Run one command line of `falaj audit`; exit and document."""
        self._capsys.readouterr()
        status = run(["audit", *words, "--json"])
        return int(status), json.loads(self._capsys.readouterr().out)

    def ask(self, tenant, subject):
        """Let somebody ask in a new environment, which reads keys; return his record."""
        self._begin_anew()
        token = self._issuer.token(
            clock=SystemClock(), tenant=tenant, subject=subject, scopes=[f"model:{MODEL}:invoke"]
        )
        headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
        status, _, body = self._running.request(
            f"/v2/models/{MODEL}/infer", body=BODY, headers=headers
        )
        assert status == 200, body
        self._asked += 1
        for _ in range(600):
            self._running.run(self._running.region.tick())
            self._running.run(self._running.region.functions.drain())
            if len(found := self.records()) >= self._asked:
                return max(found, key=lambda record: record["at"])
        raise AssertionError(f"{len(found)} records of {self._asked} requests")

    def checkpoint(self):
        """Write down how far every chain reaches."""
        name = self._value(RECORDER_PARAMETER)
        payload = json.dumps(CHECKPOINT).encode()
        done = self._running.run(self._running.region.functions.invoke(name, None, payload))
        assert done.function_error is None, done.payload

    def segments(self):
        """The trail's segments of the model, by key."""
        s3, bucket = self._aws.client("s3"), self._value(bucket_name_parameter(AUDIT_PURPOSE))
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="trail/")
        return {
            entry["Key"]: s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            for page in pages
            for entry in page.get("Contents", ())
            if f"/{MODEL}/" in entry["Key"]
        }

    def dark(self, *services):
        """Let exactly these services answer nobody."""
        self._running.call(self._running.region.darken, frozenset(services))

    def key_events(self):
        """What the trail says of keys, in order: verb and ids."""
        s3, bucket = self._aws.client("s3"), self._value(bucket_name_parameter(AUDIT_PURPOSE))
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="trail/")
        keys = (entry["Key"] for page in pages for entry in page.get("Contents", ()))
        segments = (
            Segment.read(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            for key in keys
            if "/(keys)/" in key
        )
        found = [record for segment in segments for record in segment.records]
        return [(r["operation"], r["keys"]) for r in sorted(found, key=lambda r: r["at"])]

    def records(self):
        """The model's records, each once: lines are delivered at least once."""
        found = (Segment.read(data).records for data in self.segments().values())
        return list({record["event"]: record for records in found for record in records}.values())

    def _begin_anew(self):
        functions = self._running.region.functions
        for view in self._running.call(functions.list_functions):
            if "Predict" in view.function_name and f"-{MODEL}-" in view.function_name:
                for version in functions.list_versions(view.function_name):
                    self._running.call(functions.end_idle, view.function_name, version.version)

    def _value(self, parameter):
        return self._aws.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]


@pytest.fixture
def trail(guarded, issuer, monkeypatch, capsys):
    """A region of profile enterprise, which keeps a trail."""
    running = guarded("enterprise", "jwt")
    monkeypatch.setenv("FALAJ_AWS_PORT", running.region.aws_url.rpartition(":")[2])
    return Bank(running, issuer, capsys)


def test_keys_rotate_and_one_tenant_is_erased_while_others_stay(trail):
    """Before and after a rotation people are found; after an erasure nobody finds the tenant's."""
    unknown = trail.ask(ERASED, PERSON)
    for tenant in (ERASED, KEPT):
        assert trail.audit("new-key", tenant)[0] == 0
    first, kept = trail.ask(ERASED, PERSON), trail.ask(KEPT, PERSON)
    trail.audit("new-key", ERASED)
    second, other = trail.ask(ERASED, PERSON), trail.ask(ERASED, OTHER)

    assert unknown["fault"] == "the tenant has no key"
    assert trail.audit("who", ERASED, PERSON)[1]["pseudonyms"] == [first["who"], second["who"]]
    assert len({record["who"] for record in (first, second, other, kept)}) == 4
    assert len({record["input"] for record in (first, second, kept)}) == 3
    assert second["input"] == other["input"]

    trail.checkpoint()
    whole, before = trail.audit("verify"), trail.segments()
    assert (whole[0], whole[1]["faults"]) == (0, [])
    assert trail.audit("erase", ERASED, "--keep-newest")[0] == 0
    assert trail.audit("who", ERASED, PERSON)[1]["pseudonyms"] == [second["who"]]
    assert len(trail.audit("erase", ERASED)[1]["destroyed"]) == 1
    assert trail.audit("who", ERASED, PERSON) == (3, {"pseudonyms": []})
    assert trail.audit("who", KEPT, PERSON) == (0, {"pseudonyms": [kept["who"]]})

    after = trail.ask(ERASED, PERSON)
    trail.checkpoint()
    whole = trail.audit("verify")
    assert (after.get("who"), after["fault"]) == (None, "the tenant has no key")
    assert trail.ask(KEPT, PERSON)["who"] == kept["who"]
    assert (whole[0], whole[1]["faults"]) == (0, [])
    assert {key: trail.segments()[key] for key in before} == before


def test_a_new_key_after_an_erasure_brings_nothing_back(trail):
    """The tenant begins anew: what was recorded under destroyed keys stays unlinkable."""
    before = len(trail.key_events())
    made = trail.audit("new-key", ERASED)[1]
    lost = trail.ask(ERASED, OTHER)["who"]
    trail.dark("s3")
    refused, told = trail.audit("erase", ERASED)
    assert (refused, "could not be recorded" in told["error"]) == (1, True)
    assert trail.audit("who", ERASED, OTHER)[1]["pseudonyms"] == [lost]
    trail.dark()
    gone = trail.audit("erase", ERASED)[1]
    assert (made["recorded"], gone["recorded"], gone["destroyed"]) == (True, True, [made["key"]])
    assert trail.key_events()[before:] == [
        (verb, [made["key"]]) for verb in ("make", "erase", "erased")
    ]
    trail.audit("new-key", ERASED)
    found = trail.ask(ERASED, OTHER)["who"]

    assert trail.audit("who", ERASED, OTHER)[1]["pseudonyms"] == [found]
    assert lost != found
    assert lost in {record["who"] for record in trail.records()}
    trail.audit("erase", ERASED)
