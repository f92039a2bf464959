"""Kinds that are remembered and named, but do nothing here. Each says so in its note."""

from collections.abc import Mapping

from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.template.intrinsics import Physical


def recorded(
    *,
    note: str,
    name_property: str | None = None,
    ref: str = "{name}",
    attributes: Mapping[str, str] | None = None,
    limit: int = 64,
) -> Kind:
    """Make a kind that has a name and an ARN and no effect.

    Args:
        note: What is therefore not emulated, a sentence for the table in the docs.
        name_property: The property that holds a physical name, if the template gives one.
        ref: What `Ref` gives; `{name}`, `{account}` and `{region}` are filled in.
        attributes: What `Fn::GetAtt` gives, with the same placeholders.
        limit: Longest generated name.
    """

    async def create(resource: Declared, region: Surroundings) -> Physical:
        given = resource.properties.get(name_property) if name_property else None
        values = {
            "name": given or resource.name(limit),
            "account": region.account,
            "region": region.region,
            "id": resource.id(),
        }
        return Physical(
            ref=ref.format_map(values),
            attributes={name: text.format_map(values) for name, text in (attributes or {}).items()},
        )

    async def update(_: Physical, resource: Declared, region: Surroundings) -> Physical:
        return await create(resource, region)

    return Kind(create=create, update=update, note=note)


_ROLES = "Roles and policies are recorded; no call is refused for want of permission."

ROLE = recorded(
    note=_ROLES,
    name_property="RoleName",
    attributes={
        "Arn": "arn:aws:iam::{account}:role/{name}",
        "RoleId": "AROALOCAL{name}",
    },
)
POLICY = recorded(note=_ROLES, name_property="PolicyName", attributes={"Id": "{name}"})
MANAGED_POLICY = recorded(
    note=_ROLES,
    name_property="ManagedPolicyName",
    ref="arn:aws:iam::{account}:policy/{name}",
    attributes={"PolicyArn": "arn:aws:iam::{account}:policy/{name}"},
)
RESOURCE_POLICY = recorded(note="Resource policies of buckets, queues and topics are recorded.")
METADATA = recorded(note="The CDK's usage metadata has no effect, as on AWS.")
GATEWAY_ACCOUNT = recorded(note="API Gateway's CloudWatch role has no effect.")

WEB_ACL_LOGGING = recorded(note="Requests that a web ACL refuses are not written to its log.")
