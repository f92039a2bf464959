"""What was read once is not read again, and the answer is the same as if it were."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from zlib import compress

import pytest

from analysis.desk import Desk
from falaj.aws.checkpoints import Checkpoints
from falaj.aws.experiment_log import ExperimentLog, Span
from falaj.contract import checkpoint_key
from falaj.entrypoints.analyst_reading import LogReading
from falaj.experiments.records import Exposure, Outcome
from tests.falaj.analyst_region import declared
from tests.falaj.experiment_region import BUCKET, experiment_region, keys

START = datetime(2026, 11, 22, 22, tzinfo=UTC)
KEY = checkpoint_key("m", "greeting")
ARMS = {"control": 0.2, "warm": 0.3}
LOGS = ("exposures/", "outcomes/")
METRICS = [
    {"name": "conversion", "kind": "binary"},
    {"name": "spent", "kind": "continuous", "role": "secondary", "winsor": 0.9},
    {"name": "clicks", "kind": "ratio", "denominator": "requests", "role": "secondary"},
]
SPEC = declared(metrics=METRICS)


class CountingS3:
    """An S3 client that remembers which log files it gave."""

    def __init__(self, s3):
        self._s3, self._given = s3, []

    def __getattr__(self, name):
        return getattr(self._s3, name)

    def get_object(self, **asked):
        """Give one object."""
        self._given.append(asked["Key"])
        return self._s3.get_object(**asked)

    def given(self):
        """Tell which log files were given since this was asked last."""
        found, self._given = self._given, []
        return sorted(key for key in found if key.startswith(LOGS))


class World:
    """A log that grows, and a desk that looks at it.

    Attributes:
        s3: The bucket's client.
        warned: What was amiss.
    """

    def __init__(self, s3):
        self.s3, self.warned = CountingS3(s3), []
        self._rng, self._told, self._again, self._number = Random(3), [], [], 0

    @property
    def now(self):
        """All windows are closed."""
        return START + timedelta(days=3)

    def grow(self, files):
        """Add so many files of each kind: repeated, conflicting, late, of nobody, out of order."""
        log, rng = ExperimentLog(self.s3, BUCKET), self._rng
        for _ in range(files):
            at = START.timestamp() + 300 * self._number
            shown = [self._exposure(at + each) for each in range(9)]
            told = [self._outcome(each, metric) for each in shown for metric in ("conversion",)]
            told += [
                self._outcome(rng.choice(shown), rng.choice(["spent", "clicks", "unheard-of"]))
                for _ in range(9)
            ]
            self._told += told
            log.write_exposures("m", [*shown, *self._again])
            self._again = [rng.choice(shown)]
            told += [rng.choice(self._told), self._outcome(self._exposure(at), "spent")]
            log.write_outcomes("m", told, received=at)

    def look(self, *, is_over=False):
        """Say what is found, as JSON values."""
        reading = LogReading(
            log=ExperimentLog(self.s3, BUCKET),
            checkpoints=Checkpoints(self.s3, BUCKET),
            model="m",
            experiment="greeting",
            span=Span(since=START, until=self.now if is_over else None),
            warn=self.warned.append,
        )
        return Desk().look(SPEC, reading, now=self.now).document(())

    def forget(self):
        """Lose the checkpoint."""
        self.s3.delete_object(Bucket=BUCKET, Key=KEY)

    def _exposure(self, at):
        self._number += 1
        unit = f"unit-{self._rng.randrange(2_000)}"
        arm = list(ARMS)[int(unit[5:]) % 2]
        return Exposure(
            experiment="greeting", unit=unit, arm=arm, inference_id=f"i-{self._number}", at=at
        )

    def _outcome(self, exposure, metric):
        rng = self._rng
        is_binary = metric == "conversion"
        return Outcome(
            inference_id=exposure.inference_id,
            metric=metric,
            value=rng.random() < ARMS[exposure.arm] if is_binary else rng.randint(0, 9) / 8,
            at=exposure.at + rng.randint(-90, 900),
            id="" if is_binary else str(rng.randint(0, 2)),
        )


@pytest.fixture
def region():
    """An empty account."""
    with experiment_region() as opened:
        yield opened


@pytest.fixture
def world(region):
    """An empty log."""
    return World(region.client("s3"))


def log_files(region):
    """Name every file of the log."""
    return {key for prefix in LOGS for key in keys(region, prefix)}


def test_what_was_read_is_not_read_again_and_nothing_differs(world, region):
    """Three rounds read each file once; a fourth without a checkpoint says the same."""
    given, there = [], [set()]
    for files in (21, 1, 20):
        world.grow(files)
        there.append(log_files(region))
        found = world.look()
        given.append(world.s3.given())
    world.forget()
    again = world.look()

    # One file of each kind is not worth a checkpoint: the third round reads them once more.
    expected = [there[1], there[2] - there[1], there[3] - there[1]]
    assert given == [sorted(each) for each in expected]
    assert world.s3.given() == sorted(there[3])
    assert again == found
    assert found["tally"]["exposures"] == 9 * 42
    assert found["tally"]["duplicate_exposures"] == 41
    assert min(found["tally"][f"{fate}_outcomes"] for fate in ("late", "early", "unknown")) > 0
    assert world.warned == []


def test_a_damaged_checkpoint_is_as_good_as_none(world, region):
    """Everything is read again; the answer is the same, and the next checkpoint is whole."""
    world.grow(21)
    found = world.look()
    kept = world.s3.get_object(Bucket=BUCKET, Key=KEY)
    body, digest = kept["Body"].read(), kept["Metadata"]["sha256"]
    damaged = {
        "cut": (body[: len(body) // 2], digest),
        "overwritten": (body[:2000] + bytes(1000) + body[3000:], digest),
        "foreign": (b"no such thing", digest),
        "of another file": (body, "0" * 64),
        "no database": (compress(b"text"), sha256(b"text").hexdigest()),
        "empty": (b"", digest),
    }
    for harmed, told in damaged.values():
        metadata = {"sha256": told}
        world.s3.put_object(Bucket=BUCKET, Key=KEY, Body=harmed, Metadata=metadata)
        world.s3.given()
        assert world.look() == found
        assert world.s3.given() == sorted(log_files(region))
    world.look()
    assert world.s3.given() == []


def test_a_checkpoint_of_another_declaration_is_not_taken_up(world, region):
    """What it holds was read for other metrics: it is read again."""
    world.grow(21)
    world.look()
    world.s3.given()
    other = declared(metrics=METRICS[:1])
    reading = LogReading(
        log=ExperimentLog(world.s3, BUCKET),
        checkpoints=Checkpoints(world.s3, BUCKET),
        model="m",
        experiment="greeting",
        span=Span(since=START),
        warn=world.warned.append,
    )
    found = Desk().look(other, reading, now=world.now).document(())

    assert world.s3.given() == sorted(log_files(region))
    assert [each["metric"] for each in found["metrics"]] == ["conversion"]


def test_a_look_does_not_fail_for_want_of_a_checkpoint(world, region):
    """A bucket that takes none is told of; the answer is the same."""
    world.grow(21)

    class Refusing(CountingS3):
        def put_object(self, **asked):
            """Keep nothing, as a bucket that is not there."""
            return super().__getattr__("put_object")(**asked | {"Bucket": "no-such-bucket"})

    kept, world.s3 = world.s3, Refusing(world.s3)
    found = world.look()
    world.s3 = kept

    assert "no checkpoint was kept" in world.warned[0]
    assert keys(region, "checkpoints/") == []
    assert world.look() == found


def test_what_is_over_is_read_whole(world, region):
    """Its span has an end, which the checkpoint of a running one does not know."""
    world.grow(21)
    running = world.look()
    world.s3.given()
    over = world.look(is_over=True)

    assert world.s3.given() == sorted(log_files(region))
    assert over["tally"] == running["tally"]
