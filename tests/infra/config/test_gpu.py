"""Promise: machines and ways to replace a release follow what the zones offer."""

import pytest

from catalogue.gpu import GpuFamily, GpuInstances, GpuService, GpuSize
from catalogue.service import Deployment as Replacement
from infra.config.gpu import (
    GpuPlace,
    capacity_name,
    instance_types,
    offered_types,
    replacement_of,
    zones_of,
)

ALL = ("mec1-az1", "mec1-az2", "mec1-az3")


def service(**instances):
    """A service on some machines."""
    return GpuService(instances=GpuInstances(**instances))


def test_auto_tries_g6_and_then_g5():
    """The order is what the Auto Scaling group is given."""
    assert instance_types(service()) == ("g6.xlarge", "g5.xlarge")
    assert instance_types(service(family=GpuFamily.G5, size=GpuSize.XLARGE4)) == ("g5.4xlarge",)


def test_only_zones_that_offer_the_gpu_get_machines():
    """The third zone has none."""
    assert zones_of(offered_types(service(), ALL), ALL) == ("mec1-az1", "mec1-az2")
    assert offered_types(service(), ("mec1-az3",)) == ()


@pytest.mark.parametrize(
    ("zones", "how"),
    [
        (ALL, Replacement.CANARY),
        (("mec1-az1", "mec1-az3"), Replacement.ROLLING),
        (("mec1-az2",), Replacement.ROLLING),
    ],
)
def test_two_fleets_want_gpus_in_two_zones(zones, how):
    """Where one zone has them all, a second fleet might never come."""
    assert replacement_of(GpuService(), zones) is how


def test_what_is_written_holds():
    """An operator who knows of a reservation may ask for a canary anyway."""
    asked = GpuService(deployment=Replacement.LINEAR)
    assert replacement_of(asked, ("mec1-az1",)) is Replacement.LINEAR


def test_services_of_the_same_wishes_share_machines():
    """One Auto Scaling group for each family and size."""
    assert capacity_name(service(size=GpuSize.XLARGE2)) == "auto-2xlarge"


def test_a_place_needs_nothing_by_default():
    """Catalogues without a GPU model say nothing of it."""
    assert list(GpuPlace().faults()) == []
