"""A synthesized application as rules see it: stacks of resources with their intrinsics resolved."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from falaj.contract import REGION
from policies.conditions import asked, open_conditions, settled
from policies.intrinsics import World, substituted
from policies.values import strings

STACK: Final = "Falaj::Stack"
"""The type under which a stack itself is looked at: its place, tags, outputs and assets."""

MOST_CONDITIONS: Final = 6
ATTRIBUTES: Final = ("Metadata", "CreationPolicy", "UpdatePolicy")
"""What a resource says beside its properties: `Metadata` holds commands of cfn-init."""
ASIDE: Final = ("Description", "Metadata", "Rules", "Hooks")
"""What a template says beside its resources and conditions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource of a template, as far as it is known before deployment.

    Attributes:
        stack: Name of its stack.
        id: Its logical id.
        type: `AWS::S3::Bucket`.
        properties: Its properties, resolved.
        aside: What it says beside them, resolved.
        deletion_policy: What becomes of it with its stack.
        texts: Every string in either, keys included, with where it stands.
    """

    stack: str
    id: str
    type: str
    properties: Mapping[str, Any]
    aside: Mapping[str, Any] = field(default_factory=dict)
    deletion_policy: str = "Delete"
    texts: tuple[tuple[str, str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Collect the texts once, since several rules look through all of every resource."""
        texts = (*strings(self.properties), *strings(self.aside))
        object.__setattr__(self, "texts", texts)

    @property
    def name(self) -> str:
        """How exceptions and findings call it: `FalajApi/PlatformRole`."""
        return f"{self.stack}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One stack as `cdk synth` leaves it.

    Attributes:
        name: Its name.
        region: Where it goes; empty if the template does not say.
        account: Its account; None if the credentials decide.
        template: Its template.
        tags: Its tags.
        assets: Where its files and images are uploaded, from its asset manifest.
        is_protected: Whether it refuses to be deleted.
        is_nested: Whether it is deployed as a part of another stack, whose place is its own.
    """

    name: str
    region: str
    template: Mapping[str, Any]
    account: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    assets: tuple[Mapping[str, Any], ...] = ()
    is_protected: bool = False
    is_nested: bool = False

    def views(self) -> Iterator["View"]:
        """Yield the stack once for every way its conditions can fall."""
        known = settled(self.template)
        open_ = sorted(asked(self.template) - known.keys())
        too_many = len(open_) > MOST_CONDITIONS
        used = () if too_many else open_
        for taken in itertools.product((True, False), repeat=len(used)):
            ways = known | dict(zip(used, taken, strict=True))
            yield self._view(ways, has_too_many=too_many)

    def _view(self, conditions: Mapping[str, bool], *, has_too_many: bool) -> "View":
        world = World(template=self.template, conditions=conditions, account=self.account)
        resources = []
        for id_, body in _mapping(self.template.get("Resources")).items():
            if not isinstance(body, dict):
                world.opaque.append(f"{id_}, which is no resource,")
            elif conditions.get(str(body.get("Condition")), True):
                resources.append(self._resource(id_, body, world))
        outputs = world.resolve(self.template.get("Outputs", {}))
        opaque = [*world.opaque, *(["more conditions than can be tried"] if has_too_many else [])]
        whole = Resource(
            stack=self.name,
            id="",
            type=STACK,
            aside={key: self.template[key] for key in ASIDE if key in self.template},
            properties={
                "Region": REGION if self.is_nested else self.region,
                "Outputs": outputs,
                "Parameters": self.template.get("Parameters", {}),
                "Conditions": open_conditions(self.template),
                "Assets": list(self.assets),
                "Tags": dict(self.tags),
                "IsProtected": self.is_protected,
                "Transform": self.template.get("Transform"),
                "Opaque": opaque,
            },
        )
        return View(stack=self, resources=(whole, *resources))

    def _resource(self, id_: str, body: Mapping[str, Any], world: World) -> Resource:
        properties = _mapping(world.resolve(body.get("Properties", {})))
        aside = {key: world.resolve(body[key]) for key in ATTRIBUTES if key in body}
        if "DefinitionSubstitutions" in properties:
            aside["Definition"] = substituted(properties)
        return Resource(
            stack=self.name,
            id=id_,
            type=str(body.get("Type", "")),
            properties=properties,
            aside=aside,
            deletion_policy=str(body.get("DeletionPolicy", "Delete")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A stack with its conditions taken one way.

    Attributes:
        stack: The stack.
        resources: Its resources, and itself as the first.
    """

    stack: Stack
    resources: tuple[Resource, ...]

    def of_type(self, *types: str) -> list[Resource]:
        """Return the resources of these types."""
        return [resource for resource in self.resources if resource.type in types]

    def is_foreign(self, account: str) -> bool:
        """Whether a literal account number is not this stack's own."""
        return re.fullmatch(r"\d{12}", account) is not None and account != self.stack.account


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
