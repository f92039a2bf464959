"""Promise: whatever is done to an audit trail afterwards, examining it names what was done."""

import gc
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import assume, given, settings, strategies as st

from audits.signatures import believer
from audits.trail import STALE, Head, examine
from audits.trail_versions import originals
from catalogue.signing import LocalSigner
from falaj.capture.chain import GENESIS, Place, Segment, opened
from falaj.capture.key_events import KeyVerb, key_event
from falaj.capture.records import audit_record
from falaj.domain.p256 import N
from falaj.entrypoints.audit_recorder import CHECKPOINT
from falaj.errors import LostRaceError, MalformedRequestError
from tests.falaj.capture.conftest import BUCKET, World, line


def examined(world, objects=None, **more):
    """Examine a trail, or what an attacker has made of it."""
    objects = world.objects() if objects is None else objects
    return examine(sorted(objects.items()), world.signer.key.is_signer_of, **more)


@pytest.fixture
def trail(world):
    """Two environments of the recorder, two models, a checkpoint on the way and one at the end."""
    one, other = world.recorder(), world.recorder()
    for number in range(1, 4):
        one(world.delivery(line(2 * number - 1), line(2 * number)))
        other(world.delivery(line(number, stream="s2"), line(number, stream="s3", model="risk")))
        world.clock.wait(minutes=20)
        if number != 2:
            one(CHECKPOINT)
    return world


def test_a_whole_trail_has_no_fault(trail):
    """Twelve records in nine segments of three chains, the end of each known."""
    report = examined(trail, now=trail.clock.now())

    assert report.faults == ()
    assert (report.records, report.segments, report.chains, report.checkpoints) == (12, 9, 3, 2)


def test_a_record_holds_what_an_auditor_asks(trail):
    """Who, what, which model and version, when, and how it ended; nobody by name."""
    data = trail.objects()["trail/2026-11-22/churn/chain0/0000000000.jsonl"]
    record = Segment.read(data).records[0]

    assert {key: record[key] for key in record if key not in {"event", "request_id"}} == {
        "at": "2026-11-22T12:00:00Z",
        "model": "churn",
        "version": "3",
        "digest": "d" * 64,
        "release": "12",
        "variant": "stable",
        "operation": "infer",
        "status": 200,
        "outcome": "ok",
        "tenant": "p1.5eed5eed",
        "who": "p1.5eed5eed.00",
        "input": "p1.5eed5eed.01",
        "stream": "s1",
        "number": 1,
        "fault": None,
    }


def keys_of(objects, chain):
    """A chain's keys in order."""
    return sorted(key for key in objects if f"/{chain}/" in key)


def _change(objects, _):
    key = keys_of(objects, "chain0")[1]
    objects[key] = objects[key].replace(b'"status":200', b'"status":500', 1)


def _drop_a_record(objects, _):
    key = keys_of(objects, "chain0")[1]
    header, _, *rest = objects[key].split(b"\n")
    changed = json.dumps(json.loads(header) | {"count": 1}).encode()
    objects[key] = b"\n".join((changed, *rest))


def _remove_the_middle(objects, _):
    del objects[keys_of(objects, "chain0")[1]]


def _remove_the_first(objects, _):
    del objects[keys_of(objects, "chain0")[0]]


def _cut_off_the_end(objects, _):
    del objects[keys_of(objects, "chain0")[2]]


def _remove_a_chain(objects, _):
    for key in keys_of(objects, "chain1"):
        del objects[key]


def _swap(objects, _):
    one, other, _ = keys_of(objects, "chain0")
    objects[one], objects[other] = objects[other], objects[one]


def _move_to_another_model(objects, _):
    key = keys_of(objects, "chain0")[0]
    objects[key.replace("/churn/", "/risk/")] = objects.pop(key)


def _copy_beside(objects, _):
    key = keys_of(objects, "chain0")[0]
    objects[key.replace("0000000000", "0000000003")] = objects[key]


def _forge(objects, world):
    """Everything is written anew and signed, chain and all, by somebody else's key."""
    world.signer = type(world.signer)(world.kms, world.new_key())
    for key in keys_of(objects, "chain0"):
        objects[key] = Segment.read(objects[key]).signed(world.signer.sign)[0]


def _relink(objects, world):
    """The end is cut off and a truly signed segment of another past put in its place."""
    last = keys_of(objects, "chain0")[2]
    segment = Segment.read(objects[last])
    other = Segment(
        place=segment.place, before=segment.before, at=segment.at, records=segment.records[:1]
    )
    objects[last] = other.signed(world.signer.sign)[0]


def _unsign(objects, _):
    key = keys_of(objects, "chain0")[0]
    objects[key] = objects[key].rpartition(b'{"signature"')[0] + b'{"signature":""}\n'


def _truncate_the_file(objects, _):
    key = keys_of(objects, "chain0")[0]
    objects[key] = objects[key][:-30]


def _remove_a_checkpoint(objects, _):
    del objects[keys_of(objects, "all")[0]]


def _remove_checkpoints(objects, _):
    for key in keys_of(objects, "all"):
        del objects[key]


def _retype_a_signature(objects, _):
    key = keys_of(objects, "chain0")[2]
    content, _, signature = objects[key].rpartition(b'{"signature"')
    objects[key] = content + b'{"signature"' + signature.upper()


def _space_a_signature(objects, _):
    key = keys_of(objects, "chain0")[2]
    objects[key] = objects[key].replace(b'{"signature":"', b'{"signature": "')


def _mirror_a_signature(objects, _):
    """Of each ECDSA signature (r, s) there is a second one, (r, n - s), that is as good."""
    key = keys_of(objects, "chain0")[2]
    content, signature = opened(objects[key])
    r, s = decode_dss_signature(signature)
    other = encode_dss_signature(r, N - s).hex().encode()
    objects[key] = content + b'{"signature":"' + other + b'"}\n'


def _swap_checkpoint_signatures(objects, _):
    one, other = keys_of(objects, "all")
    (first, a), (second, b) = opened(objects[one]), opened(objects[other])
    for key, content, signature in ((one, first, b), (other, second, a)):
        objects[key] = content + b'{"signature":"' + signature.hex().encode() + b'"}\n'


def _nest_deeply(objects, _):
    objects["trail/2026-11-22/churn/chain0/0000000003.jsonl"] = b"[" * 200_000


def _put_something_else(objects, _):
    objects["trail/2026-11-22/notes.txt"] = b"nothing"


def _record_twice(objects, world):
    """Whoever may sign adds a record to the past that says otherwise."""
    record = dict(Segment.read(objects[keys_of(objects, "chain0")[0]]).records[0])
    place = Place(day="2026-11-22", model="churn", chain="chain9", number=0)
    at = "2026-11-22T12:00:00+00:00"
    added = Segment(
        place=place, before=GENESIS, at=at, records=(record | {"status": 500, "event": "x"},)
    )
    objects[place.key] = added.signed(world.signer.sign)[0]


def _rewrite_a_checkpoint(objects, world):
    """Whoever may sign lets two checkpoints tell of different pasts."""
    key = keys_of(objects, "all")[1]
    segment = Segment.read(objects[key])
    told = Segment.read(objects[keys_of(objects, "all")[0]]).records[0] | {"hash": "0" * 64}
    objects[key] = replace(segment, records=(*segment.records, told)).signed(world.signer.sign)[0]


def _empty_the_day(objects, _):
    for key in [key for key in objects if key.startswith("trail/")]:
        del objects[key]


TAMPERING = {
    "a changed value": (_change, "was changed"),
    "a record left out": (_drop_a_record, "was changed"),
    "a gap": (_remove_the_middle, "segments 1 to 1 are missing"),
    "the beginning gone": (_remove_the_first, "segments 0 to 0 are missing"),
    "the end cut off": (_cut_off_the_end, "was cut off: it reached segment 2"),
    "a chain gone whole": (_remove_a_chain, "was cut off"),
    "an order changed": (_swap, "holds what was written as"),
    "a segment under another model": (_move_to_another_model, "holds what was written as"),
    "a segment copied": (_copy_beside, "holds what was written as"),
    "another key": (_forge, "somebody else has signed it"),
    "another past": (_relink, "is not the one of"),
    "no signature": (_unsign, "somebody else has signed it"),
    "half a file": (_truncate_the_file, "is no segment"),
    "a checkpoint gone": (_remove_a_checkpoint, "segments 0 to 0 are missing"),
    "no checkpoint left": (_remove_checkpoints, "there is no checkpoint"),
    "every segment gone": (_empty_the_day, "was cut off"),
    "a signature in upper case": (_retype_a_signature, "does not end with a signature"),
    "a blank in a signature": (_space_a_signature, "does not end with a signature"),
    "a signature's other half": (_mirror_a_signature, "is not the one of"),
    "signatures of checkpoints exchanged": (_swap_checkpoint_signatures, "was changed"),
    "what no reader could take": (_nest_deeply, "does not end with a signature"),
    "something else in the bucket": (_put_something_else, "nobody writes such a key"),
    "a record added that says otherwise": (_record_twice, "two records of number 1 that differ"),
    "checkpoints that disagree": (_rewrite_a_checkpoint, "was another at"),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_is_named(trail, what):
    """Each kind, by an attacker who may write and delete at will."""
    tamper, sentence = TAMPERING[what]
    key, objects = trail.signer.key, trail.objects()
    tamper(objects, trail)
    faults = examine(sorted(objects.items()), key.is_signer_of).faults

    assert any(sentence in fault for fault in faults), faults


def test_an_older_state_of_everything_is_named_by_who_knows_a_later_one(trail):
    """Segments and checkpoints as they truly were an hour ago, and the recorder goes on from there.

    Nothing inside the trail can tell; what an earlier examination printed does.
    """
    before = trail.objects()
    recorder = trail.recorder()
    recorder(trail.delivery(line(1, stream="s9")))
    recorder(CHECKPOINT)
    known = Head.parse(examined(trail).head)
    for key in set(trail.objects()) - set(before):
        trail.s3.delete_object(Bucket=BUCKET, Key=key)
    (gone,) = examined(trail, known=known).faults
    trail.recorder()(CHECKPOINT)
    (other,) = examined(trail, known=known).faults

    assert "was put back to an older state" in gone
    assert "checkpoint 2 is another than was examined before" in other
    assert examined(trail).faults == ()


def test_what_no_checkpoint_vouches_for_yet_is_counted(trail):
    """Its end could still be cut off unseen."""
    trail.recorder()(trail.delivery(line(1, stream="s9")))

    assert examined(trail).unanchored == 1


def test_after_days_without_checkpoints_the_next_reaches_back(world):
    """The schedule was off: chains of all those days are anchored, not only of the last two."""
    recorder = world.recorder()
    recorder(CHECKPOINT)
    for day in range(5):
        recorder(world.delivery(line(day + 1)))
        world.clock.wait(days=1)
    recorder(CHECKPOINT)

    assert (examined(world).unanchored, examined(world).chains) == (0, 5)


def test_rubbish_in_the_bucket_stops_no_checkpoint(world):
    """Somebody who may write puts nonsense where segments are."""
    recorder = world.recorder()
    recorder(world.delivery(line(1)))
    for key in ("trail/2026-11-22/x", "trail/2026-11-22/churn/chain0/0000000001.jsonl"):
        world.s3.put_object(Bucket=BUCKET, Key=key, Body=b"rubbish")

    assert recorder(CHECKPOINT)["chains"] == 1
    assert len(examined(world).faults) == 2


class Edit:
    """One random change of one object."""

    def __init__(self, draw, objects):
        self.key = draw(st.sampled_from(sorted(objects)))
        data = objects[self.key]
        at = draw(st.integers(0, len(data) - 1))
        other = draw(st.sampled_from(sorted(set(objects) - {self.key})))
        byte = bytes([data[at] ^ draw(st.integers(1, 255))])
        lines = data.splitlines(keepends=True)
        row = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.integers(0, 8))
        self.changed = {
            0: lambda: data[:at] + byte + data[at + 1 :],
            1: lambda: data[:at] + data[at + 1 :],
            2: lambda: data[:at] + byte + data[at:],
            3: lambda: data[:at],
            4: lambda: b"".join(lines[:row] + lines[row + 1 :]),
            5: lambda: b"".join([*lines[:row], lines[row], *lines[row:]]),
            6: lambda: objects[other],
            7: lambda: None,
            8: lambda: data + lines[row],
        }[kind]()
        self.is_change = self.changed != data

    def done_to(self, objects):
        """The trail with the change."""
        made = {key: data for key, data in objects.items() if key != self.key}
        return made if self.changed is None else made | {self.key: self.changed}


@pytest.fixture(scope="module")
def real():
    """A trail, what believes its key, and what an auditor remembers of it."""
    world = World()
    one, other = world.recorder(), world.recorder()
    for number in range(1, 5):
        one(world.delivery(line(2 * number - 1), line(2 * number)))
        other(world.delivery(line(number, stream="s2"), line(number, stream="s3", model="risk")))
        world.clock.wait(minutes=40)
        one(CHECKPOINT)
    objects, believes = world.objects(), believer(world.signer.key)
    report = examine(sorted(objects.items()), believes)
    assert report.faults == ()
    world.aws.close()
    return objects, believes, Head.parse(report.head)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_single_change_of_a_trail_is_named(real, data):
    """A byte, a line, a file: changed, added, taken away, put in another's place."""
    objects, believes, known = real
    edit = Edit(data.draw, objects)
    assume(edit.is_change)
    faults = examine(sorted(edit.done_to(objects).items()), believes, known=known).faults

    chain = edit.key.rpartition("/")[0]
    number = int(edit.key[-16:-6])
    assert any(chain in fault or f"checkpoint {number}" in fault for fault in faults), faults


def test_a_large_trail_is_read_one_segment_at_a_time(tmp_path):
    """Whatever its size: what was read is forgotten, and progress is told."""
    signer, told, before, alive = LocalSigner(tmp_path), [], GENESIS, []

    def objects():
        nonlocal before
        for number in range(200):
            records = tuple(audit_record(line(10 * number + n), event="e") for n in range(1, 11))
            place = Place(day="2026-11-22", model="churn", chain="c", number=number)
            segment = Segment(place=place, before=before, at="2026", records=records)
            data, before = segment.signed(signer.sign)
            del segment, records
            yield place.key, data
        alive.append(sum(type(found) is Segment for found in gc.get_objects()))

    report = examine(objects(), believer(signer.key), watch=lambda *seen: told.append(seen))

    assert (report.records, report.segments, alive) == (2000, 200, [0])
    assert told[-1] == (200, 2000)
    assert report.faults == ("there is no checkpoint: nobody can tell whether ends are missing",)


def test_an_order_that_is_not_that_of_keys_is_refused(real):
    """Chains would seem to be cut off."""
    objects, believes, _ = real
    with pytest.raises(ValueError, match="in the order of keys"):
        examine(sorted(objects.items(), reverse=True), believes)


def test_what_is_put_above_a_segment_hides_nothing(world):
    """A newer version and a delete marker: each is a fault, and the original is examined."""
    status = {"Status": "Enabled"}
    world.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=status)
    recorder = world.recorder()
    for number in range(1, 4):
        recorder(world.delivery(line(number)))
    recorder(CHECKPOINT)
    whole, keys = world.objects(), keys_of(world.objects(), "chain0")
    world.s3.put_object(Bucket=BUCKET, Key=keys[0], Body=b"another past")
    world.s3.delete_object(Bucket=BUCKET, Key=keys[1])
    pages = world.s3.get_paginator("list_object_versions").paginate(
        Bucket=BUCKET, PaginationConfig={"PageSize": 1}
    )
    found = {original.key: original for original in originals(pages)}
    read = {
        key: world.s3.get_object(Bucket=BUCKET, Key=key, VersionId=original.version)["Body"].read()
        for key, original in found.items()
    }

    assert read == whole
    assert "was written again" in found[keys[0]].fault
    assert "was hidden by a delete marker" in found[keys[1]].fault
    assert found[keys[2]].fault == ""


EVENT = key_event(KeyVerb.ERASE, ("5eed5eed",), actor="arn:op", reason="T-17")


def test_what_happens_to_keys_is_in_the_trail(world):
    """Which keys, by whom and why; whose they were is told by nobody."""
    recorder = world.recorder()
    assert recorder(EVENT) == {"records": 1}
    recorder(CHECKPOINT)
    (data,) = (data for key, data in world.objects().items() if key.startswith("trail"))
    (record,) = Segment.read(data).records

    assert record == {
        "at": world.clock.now().isoformat(),
        "model": "(keys)",
        "operation": "erase",
        "keys": ["5eed5eed"],
        "actor": "arn:op",
        "reason": "T-17",
    }
    assert (examined(world).records, examined(world).faults) == (1, ())


@pytest.mark.parametrize(
    "fault",
    [{"verb": "burn"}, {"keys": ["bank"]}, {"keys": 5}, {"actor": ""}, {"reason": "x" * 501}],
)
def test_a_malformed_word_about_keys_is_refused(world, fault):
    """Nothing is recorded that does not say who did what."""
    with pytest.raises(MalformedRequestError):
        world.recorder()(EVENT | fault)
    assert world.objects() == {}


def test_checkpoints_that_end_early_are_named(trail):
    """Whoever cuts off the newest checkpoints too has made them end hours ago."""
    later = trail.clock.now() + STALE + timedelta(minutes=1)

    (fault,) = examined(trail, now=later).faults
    assert "later ones are missing" in fault


def test_a_line_that_was_never_delivered_is_named(world):
    """Records are numbered where they are made: what got lost on the way leaves a hole."""
    recorder = world.recorder()
    recorder(world.delivery(line(1), line(2), line(4)))
    recorder(CHECKPOINT)

    (fault,) = examined(world).faults
    assert "environment s1 left 4 records, 1 of which were never recorded: 3" in fault


def test_what_is_delivered_twice_counts_once(world):
    """CloudWatch Logs delivers at least once."""
    recorder, delivery = world.recorder(), world.delivery(line(1), line(2))
    recorder(delivery)
    recorder(delivery)
    recorder(CHECKPOINT)
    report = examined(world)

    assert (report.records, report.segments, report.faults) == (2, 2, ())


@pytest.mark.parametrize("name", ["../checkpoints/all/0", "a b", "", None, 5, "x" * 200])
def test_no_line_shapes_a_key(world, name):
    """A name that is no model's is recorded as it is, under no name."""
    recorder = world.recorder()
    recorder(world.delivery(line(1, model=name)))
    recorder(CHECKPOINT)

    assert (examined(world).records, examined(world).faults) == (1, ())
    assert "trail/2026-11-22/(none)/chain0/0000000000.jsonl" in world.objects()


def begun(number):
    """What a request leaves before it is worked on."""
    found = line(number)
    return found | {"outcome": "begun", "status": None, "audit": found["audit"] | {"begun": True}}


def test_a_request_without_an_end_is_counted_and_no_fault(world):
    """Out of time or memory: who asked, for what and when is known all the same."""
    recorder = world.recorder()
    recorder(world.delivery(begun(1), line(1), begun(2)))
    recorder(world.delivery(begun(3), begun(4)))
    recorder(world.delivery(line(4), line(5)))
    recorder(CHECKPOINT)
    report = examined(world)

    assert (report.records, report.unanswered, report.faults) == (5, 2, ())


def test_a_beginning_is_kept_only_where_no_end_came_with_it(world):
    """The trail holds each request once, but for those that end in another delivery."""
    world.recorder()(world.delivery(begun(1), line(1), begun(2)))
    (data,) = world.objects().values()

    assert [(r["number"], r.get("begun")) for r in Segment.read(data).records] == [
        (1, None),
        (2, True),
    ]


def test_lines_that_are_no_requests_are_left_out(world):
    """A function prints other lines, and some that are no JSON."""
    delivery = world.delivery({"level": "INFO"}, "text", 5, ["x"], line(1))

    assert world.recorder()(delivery) == {"records": 1}


def test_a_chain_ends_with_its_day(world):
    """A long-lived environment begins anew, so that a day's objects are a day's."""
    recorder = world.recorder()
    recorder(world.delivery(line(1)))
    world.clock.wait(hours=13)
    recorder(world.delivery(line(2)))
    recorder(CHECKPOINT)

    assert sorted(key.split("/")[1] for key in world.objects() if key.startswith("trail")) == [
        "2026-11-22",
        "2026-11-23",
    ]
    assert examined(world).faults == ()


def test_a_place_is_taken_once(world):
    """Whoever writes again where something lies is refused, by S3 itself."""
    recorder = world.recorder()
    recorder(world.delivery(line(1)))
    (key,) = world.objects()
    before = world.objects()[key]
    place = Place(day="2026-11-22", model="churn", chain="chain0", number=0)
    with pytest.raises(LostRaceError):
        recorder._trail.write(Segment(place=place, before=GENESIS, at="x", records=()))

    assert world.objects()[key] == before


def test_after_a_write_whose_answer_was_lost_a_new_chain_begins(world):
    """Nobody knows whether the place is taken: the delivery comes again, into another chain."""
    recorder = world.recorder()
    recorder(world.delivery(line(1)))
    lost = world.delivery(line(2))
    place = Place(day="2026-11-22", model="churn", chain="chain0", number=1)
    data, _ = Segment(place=place, before="?", at="x", records=()).signed(world.signer.sign)
    world.s3.put_object(Bucket=BUCKET, Key=place.key, Body=data)
    with pytest.raises(LostRaceError):
        recorder(lost)
    recorder(lost)

    assert "trail/2026-11-22/churn/chain1/0000000000.jsonl" in world.objects()


def test_what_is_no_delivery_is_refused(world):
    """A wrong destination is noticed."""
    with pytest.raises(MalformedRequestError):
        world.recorder()({"anything": 1})


def test_a_control_message_writes_nothing(world):
    """CloudWatch asks whether anybody is there."""
    import base64
    import gzip

    packed = gzip.compress(json.dumps({"messageType": "CONTROL_MESSAGE"}).encode())
    event = {"awslogs": {"data": base64.b64encode(packed).decode()}}

    assert (world.recorder()(event), world.objects()) == ({"records": 0}, {})
