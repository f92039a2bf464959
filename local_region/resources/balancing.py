"""Load balancers, listeners, rules and target groups."""

import hashlib
import random
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError
from cryptography import x509

from local_region.container_service.listener_rules import (
    Rule,
    RuleError,
    read_action,
    read_conditions,
)
from local_region.container_service.load_balancer import BalancerListener
from local_region.container_service.target_group import GroupSettings, TargetGroup
from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.resources.recorded import recorded
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
    trust_store = _trust_store(resource)
    balancing.listeners[arn] = BalancerListener(
        arn=arn,
        load_balancer_arn=balancer,
        port=int(wanted["Port"]),
        default=action,
        trust_store=trust_store,
        rules=known.rules if known else {},
    )
    await region.containers.open_listener(arn, balancing.dns_names[balancer])
    return Physical(ref=arn, attributes={"ListenerArn": arn})


async def _update_listener(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_listener(resource, region)


async def _delete_listener(physical: Physical, region: Surroundings) -> None:
    await region.containers.close_listener(physical.ref)


def _trust_store(resource: Declared) -> str | None:
    """Return the trust store whose clients a listener lets in; None where it asks for none."""
    asked = resource.properties.get("MutualAuthentication") or {}
    match asked.get("Mode", "off"):
        case "off":
            return None
        case "verify" if asked.keys() <= {"Mode", "TrustStoreArn"}:
            return str(asked["TrustStoreArn"])
        case other:
            raise resource.error(f"mutual authentication {other!r}, or more of it, is unknown here")


LISTENER: Final = Kind(
    create=_put_listener,
    update=_update_listener,
    delete=_delete_listener,
    replaced_by=frozenset({"LoadBalancerArn"}),
    note="Listeners ignore certificates and TLS policies; one with a trust store speaks TLS under "
    "a certificate of this machine's authority, all others speak plainly.",
)


async def _put_trust_store(resource: Declared, region: Surroundings) -> Physical:
    made = await _TRUST_STORE.create(resource, region)
    wanted = resource.properties
    try:
        answer = region.aws.client("s3").get_object(
            Bucket=wanted["CaCertificatesBundleS3Bucket"],
            Key=wanted["CaCertificatesBundleS3Key"],
        )
        text = str(answer["Body"].read().decode("ascii"))
        x509.load_pem_x509_certificates(text.encode())
    except ClientError:
        text = ""
    except ValueError as error:
        raise resource.error(f"the trust store cannot be used: {error}") from error
    balancing = region.containers.balancing
    balancing.trust_stores[made.ref] = text
    for listener in list(balancing.listeners.values()):
        if listener.trust_store == made.ref:
            dns_name = balancing.dns_names[listener.load_balancer_arn]
            await region.containers.open_listener(listener.arn, dns_name)
    return made


async def _update_trust_store(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_trust_store(resource, region)


async def _delete_trust_store(physical: Physical, region: Surroundings) -> None:
    region.containers.balancing.trust_stores.pop(physical.ref, None)


_STORE_ARN: Final = "arn:aws:elasticloadbalancing:{region}:{account}:truststore/{name}/{id}"
_TRUST_STORE: Final = recorded(
    note="",
    name_property="Name",
    ref=_STORE_ARN,
    attributes={"TrustStoreArn": _STORE_ARN},
    limit=_LONGEST_NAME,
)
TRUST_STORE: Final = Kind(
    create=_put_trust_store,
    update=_update_trust_store,
    delete=_delete_trust_store,
    note="A trust store whose bundle is not in this region's S3 is empty, and lets nobody in; a "
    "file named in `gpuTrustBundle` is there. No revocation list is looked at.",
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
