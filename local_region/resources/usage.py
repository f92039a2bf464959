"""Usage plans, API keys, and which plan counts which key."""

import secrets
from typing import Final

from local_region.gateway.usage_plans import ApiKey, Plan, read_limits
from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.resources.storage import as_bool
from local_region.template.intrinsics import Physical

_PLAN_KNOWN: Final = frozenset({"ApiStages", "Description", "Tags", "Throttle", "UsagePlanName"})
_KEY_TYPE: Final = "API_KEY"


async def _create_plan(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    unknown = sorted(wanted.keys() - _PLAN_KNOWN)
    if unknown:
        raise resource.error(f"the properties {', '.join(unknown)} are not known here")
    stages = wanted.get("ApiStages", ())
    if any(stage.get("Throttle") for stage in stages):
        raise resource.error("throttles of single methods are not known here")
    plan_id = resource.id()
    before = region.plans.plans.get(plan_id)
    try:
        region.plans.plans[plan_id] = Plan(
            stages=frozenset((stage["ApiId"], stage["Stage"]) for stage in stages),
            limits=read_limits(wanted.get("Throttle")),
            keys=before.keys if before else set(),
        )
    except (KeyError, ValueError) as error:
        raise resource.error(f"the throttle is not understood: {error}") from error
    return Physical(ref=plan_id, attributes={"Id": plan_id})


async def _update_plan(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _create_plan(resource, region)


async def _delete_plan(physical: Physical, region: Surroundings) -> None:
    region.plans.plans.pop(physical.ref, None)


USAGE_PLAN = Kind(create=_create_plan, update=_update_plan, delete=_delete_plan)


async def _create_key(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    key_id = resource.id()
    region.plans.keys[key_id] = ApiKey(
        value=str(wanted.get("Value") or secrets.token_hex(20)),
        is_enabled=as_bool(wanted.get("Enabled")),
    )
    return Physical(ref=key_id, attributes={"APIKeyId": key_id})


async def _update_key(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _create_key(resource, region)


async def _delete_key(physical: Physical, region: Surroundings) -> None:
    region.plans.keys.pop(physical.ref, None)


API_KEY = Kind(
    create=_create_key,
    update=_update_key,
    delete=_delete_key,
    replaced_by=frozenset({"Value", "GenerateDistinctId", "Name"}),
)


async def _create_membership(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    if wanted.get("KeyType") != _KEY_TYPE:
        raise resource.error(f"KeyType is {wanted.get('KeyType')!r}, not {_KEY_TYPE}")
    plan, key = wanted["UsagePlanId"], wanted["KeyId"]
    region.plans.plans[plan].keys.add(key)
    name = f"{key}:{plan}"
    return Physical(ref=name, attributes={"Id": name})


async def _delete_membership(physical: Physical, region: Surroundings) -> None:
    key, _, plan = physical.ref.partition(":")
    if plan in region.plans.plans:
        region.plans.plans[plan].keys.discard(key)


USAGE_PLAN_KEY = Kind(create=_create_membership, delete=_delete_membership)
