"""Promise: whatever is done to an audit trail afterwards, examining it names what was done."""

import json
from datetime import timedelta

import pytest

from audits.trail import STALE, examine
from falaj.capture.chain import GENESIS, Place, Segment
from falaj.entrypoints.audit_recorder import CHECKPOINT
from falaj.errors import LostRaceError, MalformedRequestError
from tests.falaj.capture.conftest import BUCKET, line


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
}


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_is_named(trail, what):
    """Each kind, by an attacker who may write and delete at will."""
    tamper, sentence = TAMPERING[what]
    key, objects = trail.signer.key, trail.objects()
    tamper(objects, trail)
    faults = examine(sorted(objects.items()), key.is_signer_of).faults

    assert any(sentence in fault for fault in faults), faults


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
