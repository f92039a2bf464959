"""Promise: replicas on GPU machines are placed anew in zones that are left and offer the family."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import uvloop
import yaml

from catalogue.signing import LocalSigner, sign
from local_region.container_service.machines import ANYWHERE, MachineGroup, Machines
from local_region.rehearsal.outages import Outage
from local_region.rehearsal.service_zones import Verdict, rehearse_zones
from tests.falaj import onnx_models
from tests.local_region.rehearsal.conftest import ROOT

MODEL = "words"
CASES = [
    {"request": {"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1], "data": ["ahlan"]}]}}
]
SUBNETS = {f"subnet-{number}": f"mec1-az{number}" for number in (1, 2, 3)}


@pytest.fixture(scope="module")
def cdk_out(tmp_path_factory):
    """The stacks of one small model that containers answer, in the region profile's zones."""
    root = tmp_path_factory.mktemp("on-gpu")
    (root / "build").mkdir()
    (root / "build/layers").symlink_to(ROOT / ".build/layers")
    onnx_models.write_version(
        root / "build/models", MODEL, 1, onnx_models.identity("BYTES", [None])
    )
    sign(root / f"build/models/{MODEL}/1", LocalSigner(root / "build"))
    (root / f"models/{MODEL}/1").mkdir(parents=True)
    declared = {"name": MODEL, "description": MODEL, "owner": "tests", "version": 1}
    compute = {"target": "gpu", "gpu": {"instances": {"max_replicas": 2}}}
    (root / f"models/{MODEL}/model.yaml").write_text(
        yaml.safe_dump(declared | {"compute": compute})
    )
    words = ("--models", root / "models", "--build", root / "build", "--output", root / "out")
    subprocess.run(
        [sys.executable, "app.py", *map(str, words), "-c", "falaj:access=open"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return root / "out"


@pytest.fixture(scope="module")
def lose(cdk_out):
    """Rehearse the loss of zones."""

    def lost(text):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(
                rehearse_zones(
                    cdk_out,
                    MODEL,
                    [outage for word in text.split() for outage in Outage.parse_all(word)],
                    cases=CASES,
                    traffic_rps=1.0,
                    account="900000000100",
                    build_folder=ROOT / ".build" / "host",
                )
            )

    return lost


@pytest.mark.slow
def test_with_one_zone_lost_the_other_that_offers_the_family_takes_its_replicas(lose):
    """As many as before, and every request is answered once they are there."""
    result = lose("az=1:2m")
    before, _, during, after = result.stretches

    assert result.verdict is Verdict.KEPT
    assert (before.replicas, result.ended) == (Counter({"mec1-az1": 1, "mec1-az2": 1}), 1)
    assert during.replicas == Counter({"mec1-az2": 2})
    assert [set(stretch.answers) for stretch in (before, during, after)] == [{200}] * 3
    assert during.answers[200] > 60


@pytest.mark.slow
def test_without_a_zone_that_offers_the_family_nobody_is_answered_until_one_is_back(lose):
    """The third zone has no such machines: what to do about it is `fallback: lambda`."""
    result = lose("az=2:2m")
    before, _, during, after = result.stretches

    assert result.verdict is Verdict.LOST
    assert (result.ended, during.replicas.total(), during.answers[200]) == (2, 0, 0)
    assert set(during.answers) == {503}
    assert (set(before.answers), set(after.answers)) == ({200}, {200})
    assert after.replicas == Counter({"mec1-az1": 1, "mec1-az2": 1})


@pytest.mark.slow
def test_replicas_answer_while_everything_around_them_is_dark(lose):
    """S3, DynamoDB and KMS at once: what is warm needs none of them."""
    result = lose("s3-dark=2m kms-dark=2m dynamodb-dark=1m")

    assert result.verdict is Verdict.KEPT
    assert (result.ended, result.dark) == (0, ("dynamodb", "kms", "s3"))
    assert {status for stretch in result.stretches for status in stretch.answers} == {200}


@pytest.mark.slow
def test_a_replica_that_is_lost_in_the_dark_is_placed_anew_afterwards(lose):
    """It could not fetch its model; the other one answers everything meanwhile."""
    result = lose("az=1:2m s3-dark=2m")
    _, _, during, after = result.stretches

    assert result.verdict is Verdict.THINNED
    assert (result.ended, during.replicas) == (1, Counter({"mec1-az2": 1}))
    assert (set(during.answers), after.replicas.total()) == ({200}, 2)


@pytest.mark.slow
def test_capacity_is_told_by_zone(lose):
    """In the JSON: what each zone offers, and how many replicas were where."""
    document = json.loads(json.dumps(lose("az=mec1-az3:1m").to_dict()))

    assert document["capacity"] == {
        "mec1-az1": ["g6.xlarge", "g5.xlarge"],
        "mec1-az2": ["g6.xlarge", "g5.xlarge"],
    }
    assert (document["verdict"], document["replicas_ended"]) == ("kept", 0)
    assert [stretch["stretch"] for stretch in document["stretches"]] == [
        *("before", "losing", "lost", "after")
    ]


@pytest.fixture
def machines():
    """A group in three zones, of a family that two of them offer and one that a third does."""
    known = Machines()
    for subnet, zone in SUBNETS.items():
        known.put_subnet(subnet, zone)
    known.put_group(
        "group", MachineGroup(subnets=tuple(SUBNETS), types=("g6.xlarge", "p5en.48xlarge"), most=4)
    )
    known.put_provider("provider", "group")
    return known


def test_zones_offer_what_the_region_profile_says(machines):
    """By id and family."""
    assert machines.capacity("provider", tuple(SUBNETS)) == {
        "mec1-az1": ("g6.xlarge", "p5en.48xlarge"),
        "mec1-az2": ("g6.xlarge",),
        "mec1-az3": ("p5en.48xlarge",),
    }


@pytest.mark.parametrize(
    ("lost", "taken", "expected"),
    [
        ((), (), "mec1-az1"),
        ((), ("mec1-az1",), "mec1-az2"),
        ((), ("mec1-az1", "mec1-az2"), "mec1-az3"),
        (("mec1-az1",), ("mec1-az2",), "mec1-az3"),
        (("mec1-az1", "mec1-az2"), ("mec1-az3",) * 5, "mec1-az3"),
        (("mec1-az1", "mec1-az2", "mec1-az3"), (), None),
    ],
)
def test_tasks_are_spread_over_the_zones_that_are_left(machines, lost, taken, expected):
    """Evenly, and nowhere else."""
    machines.lost = frozenset(lost)

    assert machines.place("provider", tuple(SUBNETS), taken) == expected


def test_a_service_without_machines_of_its_own_is_placed_anywhere(machines):
    """No zone's loss ends its tasks."""
    assert machines.place("", (), ()) == ANYWHERE


def test_fargate_has_room_in_every_zone_of_the_subnets_that_is_left(machines):
    """It needs no machines of ours; the loss of a zone ends what ran there all the same."""
    machines.lost = frozenset({"mec1-az1"})

    assert set(machines.capacity("FARGATE", tuple(SUBNETS))) == set(SUBNETS.values())
    assert machines.place("FARGATE", tuple(SUBNETS), ("mec1-az2",)) == "mec1-az3"
    machines.lost = frozenset(SUBNETS.values())
    assert machines.place("FARGATE", tuple(SUBNETS), ()) is None


def test_only_subnets_of_service_and_group_count(machines):
    """A service in one subnet is not placed in another."""
    assert machines.place("provider", ("subnet-2",), ("mec1-az2",)) == "mec1-az2"
    assert machines.place("provider", ("subnet-9",), ()) is None


def test_the_region_profile_is_the_stacks(cdk_out):
    """The subnets of the templates name their zones by id."""
    template = json.loads(Path(cdk_out / "FalajGpu.template.json").read_text())
    zones = [
        resource["Properties"]["AvailabilityZoneId"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::EC2::Subnet"
    ]

    assert set(zones) >= {"mec1-az1", "mec1-az2"}
