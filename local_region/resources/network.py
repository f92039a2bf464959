"""Networks and machines: named and remembered; here everything runs on this one machine."""

from typing import Final

from local_region.container_service.machines import MachineGroup
from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.resources.recorded import recorded
from local_region.template.intrinsics import Physical

_NETWORK: Final = (
    "Networks, endpoints and security groups are recorded; everybody here reaches everybody."
)
_MACHINES: Final = (
    "Machines are recorded; a task starts as a process at once, without waiting for one. It "
    "counts as in one of its service's zones that offer the type, and ends when that zone is lost."
)

VPC = recorded(
    note=_NETWORK,
    ref="vpc-{id}",
    attributes={"VpcId": "vpc-{id}", "DefaultSecurityGroup": "sg-{id}", "CidrBlock": ""},
)
_SUBNET: Final = recorded(note=_NETWORK, ref="subnet-{id}", attributes={"SubnetId": "subnet-{id}"})


async def _put_subnet(resource: Declared, region: Surroundings) -> Physical:
    made = await _SUBNET.create(resource, region)
    zone = str(resource.properties.get("AvailabilityZoneId") or "")
    region.containers.machines.put_subnet(made.ref, zone)
    return made


async def _update_subnet(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_subnet(resource, region)


SUBNET = Kind(create=_put_subnet, update=_update_subnet, note=_NETWORK)
ROUTE_TABLE = recorded(note=_NETWORK, ref="rtb-{id}", attributes={"RouteTableId": "rtb-{id}"})
ASSOCIATION = recorded(note=_NETWORK, ref="rtbassoc-{id}", attributes={"Id": "rtbassoc-{id}"})
_ENDPOINT: Final = recorded(note=_NETWORK, ref="vpce-{id}", attributes={"Id": "vpce-{id}"})


async def _create_endpoint(resource: Declared, region: Surroundings) -> Physical:
    made = await _ENDPOINT.create(resource, region)
    # Zone and name, as AWS lists them; functions here are told no such address.
    entries = [f"Z0:{made.ref}.vpce.{region.region}.invalid"]
    return Physical(ref=made.ref, attributes={**made.attributes, "DnsEntries": entries})


async def _update_endpoint(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _create_endpoint(resource, region)


ENDPOINT = Kind(create=_create_endpoint, update=_update_endpoint, note=_NETWORK)
SECURITY_GROUP = recorded(
    note=_NETWORK, ref="sg-{id}", attributes={"GroupId": "sg-{id}", "Id": "sg-{id}"}
)
SECURITY_RULE = recorded(note=_NETWORK, ref="sgr-{id}", attributes={"Id": "sgr-{id}"})
FLOW_LOG = recorded(note=_NETWORK, ref="fl-{id}", attributes={"Id": "fl-{id}"})
VPC_LINK = recorded(note=_NETWORK, ref="{id}", attributes={"VpcLinkId": "{id}"})
LAUNCH_TEMPLATE = recorded(
    note=_MACHINES,
    ref="lt-{id}",
    attributes={
        "LaunchTemplateId": "lt-{id}",
        "LatestVersionNumber": "1",
        "DefaultVersionNumber": "1",
    },
)
_GROUP: Final = recorded(
    note=_MACHINES,
    name_property="AutoScalingGroupName",
    attributes={
        "AutoScalingGroupARN": "arn:aws:autoscaling:{region}:{account}:autoScalingGroup:"
        "{id}:autoScalingGroupName/{name}"
    },
    limit=255,
)
INSTANCE_PROFILE = recorded(
    note=_MACHINES,
    name_property="InstanceProfileName",
    attributes={"Arn": "arn:aws:iam::{account}:instance-profile/{name}"},
)
_PROVIDER: Final = recorded(note=_MACHINES, name_property="Name")


async def _put_group(resource: Declared, region: Surroundings) -> Physical:
    made = await _GROUP.create(resource, region)
    wanted = resource.properties
    launched = (wanted.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    group = MachineGroup(
        subnets=tuple(wanted.get("VPCZoneIdentifier") or ()),
        types=tuple(item["InstanceType"] for item in launched.get("Overrides") or ()),
        most=int(wanted["MaxSize"]),
    )
    region.containers.machines.put_group(made.ref, group)
    return made


async def _update_group(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_group(resource, region)


AUTO_SCALING_GROUP = Kind(create=_put_group, update=_update_group, note=_MACHINES)


async def _put_provider(resource: Declared, region: Surroundings) -> Physical:
    made = await _PROVIDER.create(resource, region)
    group = (resource.properties.get("AutoScalingGroupProvider") or {}).get("AutoScalingGroupArn")
    region.containers.machines.put_provider(made.ref, str(group))
    return made


async def _update_provider(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_provider(resource, region)


CAPACITY_PROVIDER = Kind(create=_put_provider, update=_update_provider, note=_MACHINES)
CAPACITY_ASSOCIATIONS = recorded(note=_MACHINES)
CLUSTER = recorded(
    note="Clusters are recorded; they hold no machines here.",
    name_property="ClusterName",
    attributes={"Arn": "arn:aws:ecs:{region}:{account}:cluster/{name}"},
    limit=255,
)
