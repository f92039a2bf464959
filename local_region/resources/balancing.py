"""Load balancers, listeners, rules and target groups."""

import hashlib
import random
from collections.abc import Mapping
from typing import Any, Final

from local_region.container_service.listener_rules import (
    Rule,
    RuleError,
    read_action,
    read_conditions,
)
from local_region.container_service.load_balancer import BalancerListener
from local_region.container_service.target_group import GroupSettings, TargetGroup
from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.template.intrinsics import Physical

_SERVICE: Final = "elasticloadbalancing"
_LONGEST_NAME: Final = 32
_IDLE: Final = "idle_timeout.timeout_seconds"


def _tail(resource: Declared) -> str:
    path = f"{resource.account}/{resource.stack.name}/{resource.logical_id}"
    return hashlib.sha256(path.encode()).hexdigest()[:16]


async def _create_balancer(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    if wanted.get("Type", "application") != "application":
        raise resource.error("only application load balancers are known here")
    name = wanted.get("Name") or resource.name(_LONGEST_NAME)
    full_name = f"app/{name}/{_tail(resource)}"
    arn = region.arn(_SERVICE, f"loadbalancer/{full_name}")
    given = {item["Key"]: item["Value"] for item in wanted.get("LoadBalancerAttributes", ())}
    balancing = region.containers.balancing
    balancing.idle_timeouts_s[arn] = float(given.get(_IDLE, 60))
    dns_name = f"internal-{name}.{region.region}.elb.amazonaws.com".lower()
    balancing.dns_names[arn] = dns_name
    return Physical(
        ref=arn,
        attributes={
            "LoadBalancerArn": arn,
            "LoadBalancerFullName": full_name,
            "LoadBalancerName": name,
            "DNSName": dns_name,
            "CanonicalHostedZoneID": "Z0LOCAL",
        },
    )


async def _update_balancer(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _create_balancer(resource, region)


async def _delete_balancer(physical: Physical, region: Surroundings) -> None:
    region.containers.balancing.dns_names.pop(physical.ref, None)


LOAD_BALANCER: Final = Kind(
    create=_create_balancer,
    update=_update_balancer,
    delete=_delete_balancer,
    replaced_by=frozenset({"Name", "Scheme", "Type"}),
    note="Load balancers speak plain HTTP on ports of 127.0.0.1 and publish no metrics or logs; "
    "a target that has just refused a connection is passed over, where AWS would answer 502.",
)


async def _put_listener(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    balancer = wanted["LoadBalancerArn"]
    arn = f"{balancer.replace(':loadbalancer/', ':listener/')}/{_tail(resource)}"
    balancing = region.containers.balancing
    try:
        action = read_action(wanted["DefaultActions"])
    except RuleError as error:
        raise resource.error(str(error)) from error
    known = balancing.listeners.get(arn)
    balancing.listeners[arn] = BalancerListener(
        arn=arn,
        load_balancer_arn=balancer,
        port=int(wanted["Port"]),
        default=action,
        rules=known.rules if known else {},
    )
    await region.containers.open_listener(arn, balancing.dns_names[balancer])
    return Physical(ref=arn, attributes={"ListenerArn": arn})


async def _update_listener(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_listener(resource, region)


async def _delete_listener(physical: Physical, region: Surroundings) -> None:
    region.containers.balancing.listeners.pop(physical.ref, None)


LISTENER: Final = Kind(
    create=_put_listener,
    update=_update_listener,
    delete=_delete_listener,
    replaced_by=frozenset({"LoadBalancerArn"}),
    note="Listeners ignore certificates, TLS policies and trust stores; with `access=iam` gRPC, "
    "which takes verified certificates only, lets nobody in here.",
)


async def _put_rule(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    listener = region.containers.balancing.listeners[wanted["ListenerArn"]]
    arn = f"{listener.arn.replace(':listener/', ':listener-rule/')}/{_tail(resource)}"
    try:
        rule = Rule(
            priority=int(wanted["Priority"]),
            conditions=read_conditions(wanted["Conditions"]),
            action=read_action(wanted["Actions"]),
        )
    except RuleError as error:
        raise resource.error(str(error)) from error
    listener.rules[arn] = rule
    groups = region.containers.balancing.groups
    if any(groups[g].settings.is_grpc for g in listener.group_arns() if g in groups):
        for name in _hosts(wanted["Conditions"]):
            await region.containers.open_grpc(listener.arn, name)
    return Physical(ref=arn, attributes={"RuleArn": arn})


def _hosts(conditions: list[Mapping[str, Any]]) -> list[str]:
    """Names a rule answers to, or one that is empty: for any."""
    hosts = [
        str(value)
        for item in conditions
        if item.get("Field") == "host-header"
        for value in (item.get("HostHeaderConfig") or {}).get("Values", ())
    ]
    return hosts or [""]


async def _update_rule(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_rule(resource, region)


async def _delete_rule(physical: Physical, region: Surroundings) -> None:
    for listener in region.containers.balancing.listeners.values():
        listener.rules.pop(physical.ref, None)


RULE: Final = Kind(
    create=_put_rule,
    update=_update_rule,
    delete=_delete_rule,
    replaced_by=frozenset({"ListenerArn"}),
    note="Each name of a gRPC rule has a port of its own here, since names do not resolve.",
)


async def _put_group(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    name = wanted.get("Name") or resource.name(_LONGEST_NAME)
    full_name = f"targetgroup/{name}/{_tail(resource)}"
    arn = region.arn(_SERVICE, full_name)
    try:
        settings = GroupSettings.from_properties(wanted, arn=arn)
    except ValueError as error:
        raise resource.error(str(error)) from error
    groups = region.containers.balancing.groups
    if arn in groups:
        groups[arn].settings = settings
    else:
        groups[arn] = TargetGroup(settings, random.Random(arn))  # noqa: S311 - repeatable
    return Physical(
        ref=arn,
        attributes={
            "TargetGroupArn": arn,
            "TargetGroupFullName": full_name,
            "TargetGroupName": name,
        },
    )


async def _update_group(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_group(resource, region)


async def _delete_group(physical: Physical, region: Surroundings) -> None:
    region.containers.balancing.groups.pop(physical.ref, None)


TARGET_GROUP: Final = Kind(
    create=_put_group,
    update=_update_group,
    delete=_delete_group,
    replaced_by=frozenset({"Name", "Port", "Protocol", "ProtocolVersion", "TargetType", "VpcId"}),
    note="Target groups know round robin, least outstanding requests and random choice; no "
    "stickiness, no slow start.",
)
