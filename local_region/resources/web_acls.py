"""Web ACLs, and the stages they stand before."""

from typing import Final

from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.template.intrinsics import Physical
from local_region.waf.managed import NOT_HERE
from local_region.waf.web_acl import read_web_acl


async def _put_acl(resource: Declared, region: Surroundings) -> Physical:
    name = str(resource.properties.get("Name") or resource.name(128))
    arn = region.arn("wafv2", f"regional/webacl/{name}/{resource.id()}")
    try:
        region.firewall.acls[arn] = read_web_acl(resource.properties)
    except (KeyError, TypeError, ValueError) as error:
        raise resource.error(f"the web ACL is not understood: {error}") from error
    return Physical(
        ref=f"{name}|{resource.id()}|REGIONAL",
        attributes={"Arn": arn, "Id": resource.id(), "Name": name},
    )


async def _update_acl(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_acl(resource, region)


async def _delete_acl(physical: Physical, region: Surroundings) -> None:
    region.firewall.acls.pop(str(physical.attributes["Arn"]), None)


async def _put_association(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    try:
        region.firewall.guard(str(wanted["ResourceArn"]), str(wanted["WebACLArn"]))
    except (KeyError, ValueError) as error:
        raise resource.error(f"guards nothing here: {error}") from error
    return Physical(ref=f"{wanted['WebACLArn']}|{wanted['ResourceArn']}", attributes={})


async def _delete_association(physical: Physical, region: Surroundings) -> None:
    region.firewall.leave(physical.ref.rpartition("|")[2])


def _unmatched() -> str:
    """Say which rules match nothing here, and why."""
    return " ".join(
        f"{group}: {', '.join(sorted(rules))} match nothing ({'; '.join(sorted(set(why)))})."
        for group, rules, why in (
            (group, rules.keys(), rules.values()) for group, rules in NOT_HERE.items()
        )
    )


_NOTE: Final = (
    "Of AWS's managed rules the documented examples are matched, and no more: what passes here may "
    "be refused by AWS. Rates are counted exactly and at once, where AWS estimates and acts within "
    f"half a minute. {_unmatched()}"
)

WEB_ACL: Final = Kind(
    create=_put_acl,
    update=_update_acl,
    delete=_delete_acl,
    replaced_by=frozenset({"Name", "Scope"}),
    note=_NOTE,
)
WEB_ACL_ASSOCIATION: Final = Kind(create=_put_association, delete=_delete_association)
