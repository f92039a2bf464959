"""What each role may do, in sentences that a person can check."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from policies.application import Resource, View
from policies.assembly import read_stacks
from policies.statements import IDENTITY, TRUST, Statement, is_boundary, statements
from policies.values import items

_ROLE: Final = "AWS::IAM::Role"
_POLICIES: Final = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy")
_NOBODY: Final = "nobody"
_PLACEHOLDER: Final = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.\w+)?\}")
_MADE_UP: Final = re.compile(r"(?<=[a-z])[0-9A-F]{8}$")
"""What the CDK appends to a logical id; the role's own id is told whole."""
_AWS_MANAGED: Final = "arn:aws:iam::aws:"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRights:
    """A role and its rights.

    Attributes:
        role: `FalajApi/PlatformRole`.
        taken_by: Who may become it.
        bounded_by: Its permission boundary; empty if it has none.
        may: What it may do, a sentence for each statement.
        may_not: What it is denied, likewise, by its own policies and by its boundary.
    """

    role: str
    taken_by: str
    bounded_by: str
    may: tuple[str, ...]
    may_not: tuple[str, ...]


def rights(cdk_out: Path) -> tuple[RoleRights, ...]:
    """Return the rights of every role of an assembly.

    Raises:
        ConfigurationError: There is no assembly.
    """
    found: dict[str, RoleRights] = {}
    views = [view for stack in read_stacks(cdk_out) for view in stack.views()]
    bounds = dict(bound for view in views for bound in _bounds(view))
    for view in views:
        for role in view.of_type(_ROLE):
            # Conditions can make two roles of one: both are told.
            told = _rights(role, view, bounds)
            if found.get(told.role, told) != told:
                told = _merged(found[told.role], told)
            found[told.role] = told
    return tuple(found.values())


def _merged(one: RoleRights, other: RoleRights) -> RoleRights:
    return RoleRights(
        role=one.role,
        taken_by=" or ".join(sorted({one.taken_by, other.taken_by})),
        bounded_by=one.bounded_by if one.bounded_by == other.bounded_by else "",
        may=tuple(dict.fromkeys((*one.may, *other.may))),
        may_not=tuple(text for text in one.may_not if text in other.may_not),
    )


def _bounds(view: View) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what each boundary of a stack denies, by the name that roles of all stacks use."""
    for policy in view.of_type("AWS::IAM::ManagedPolicy"):
        if is_boundary(policy):
            written = [s for s in statements(policy, IDENTITY) if not s.is_allow]
            name = f"{policy.properties['Path']}{policy.properties.get('ManagedPolicyName', '')}"
            yield name.strip("/"), tuple(f"{sentence(s)}, by its boundary" for s in written)


def _rights(role: Resource, view: View, bounds: Mapping[str, tuple[str, ...]]) -> RoleRights:
    names = _names(view)
    bounded_by = _short(str(role.properties.get("PermissionsBoundary", "")))
    written = [*statements(role, IDENTITY), *_attached(role, view)]
    own = _managed_here(view)
    managed = [
        f"do what AWS's policy {_short(arn)} allows"
        if arn.startswith(_AWS_MANAGED)
        else f"do what policy {_plain(arn, names)} allows, which no stack here writes"
        for arn in map(str, items(role.properties.get("ManagedPolicyArns")))
        if arn not in own
    ]
    trusted = [
        _who(kind, name) + _when(statement, names)
        for statement in statements(role, TRUST)
        if statement.is_allow
        for kind, name in statement.principals
    ]
    return RoleRights(
        role=role.name,
        taken_by=", ".join(trusted) or _NOBODY,
        bounded_by=bounded_by,
        may=(*(sentence(s, names) for s in written if s.is_allow), *managed),
        may_not=(
            *(sentence(s, names) for s in written if not s.is_allow),
            *bounds.get(bounded_by, ()),
        ),
    )


def _managed_here(view: View) -> set[str]:
    """Return how roles of a stack name the stack's own managed policies."""
    ids = [policy.id for policy in view.of_type("AWS::IAM::ManagedPolicy")]
    return {f"${{{id_}{end}}}" for id_ in ids for end in ("", ".PolicyArn")}


def _names(view: View) -> dict[str, str]:
    """Return what a person calls each resource and parameter of a stack."""
    names = {
        name: f"what {parameter.get('Default', name)} names"
        for name, parameter in (view.stack.template.get("Parameters") or {}).items()
    }
    for resource in view.resources:
        kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", resource.type.rpartition("::")[2])
        names[resource.id] = f"the {kind.lower()} {_MADE_UP.sub('', resource.id)}"
    return names


def _attached(role: Resource, view: View) -> Iterator[Statement]:
    """Yield the statements of policies of the same stack that are attached to a role."""
    attached = set(map(str, items(role.properties.get("ManagedPolicyArns"))))
    names = {f"${{{role.id}}}", role.properties.get("RoleName")}
    for policy in view.of_type(*_POLICIES):
        roles = [*items(policy.properties.get("Roles")), policy.properties.get("RoleName")]
        is_named = f"${{{policy.id}}}" in attached or f"${{{policy.id}.PolicyArn}}" in attached
        if is_named or names & set(map(str, roles)):
            yield from statements(policy, IDENTITY)


def sentence(statement: Statement, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """Say one statement: the actions, on what, and when.

    Example:
        >>> sentence(
        ...     Statement(
        ...         effect="Allow",
        ...         actions=("s3:GetObject", "s3:PutObject"),
        ...         but_actions=(),
        ...         resources=("arn:aws:s3:::b/*",),
        ...         but_resources=(),
        ...         principals=(),
        ...         conditions={"Bool": {"aws:SecureTransport": "true"}},
        ...     )
        ... )
        's3 GetObject and PutObject on s3 b/*, if aws:SecureTransport is true'
    """
    actions = _actions(statement.actions)
    if statement.but_actions:
        actions = f"do anything but {_actions(statement.but_actions)}"
    things = _and([_thing(arn, names) for arn in statement.resources]) or "nothing"
    if statement.but_resources:
        things = f"everything but {_and([_thing(arn, names) for arn in statement.but_resources])}"
    return f"{actions} on {things}{_when(statement, names)}"


def _when(statement: Statement, names: Mapping[str, str]) -> str:
    conditions = [
        f"{key} {_TESTS.get(test, test)} {_plain(_value(test, wanted), names)}".rstrip()
        for test, keys in statement.conditions.items()
        for key, wanted in keys.items()
    ]
    return f", if {_and(conditions)}" if conditions else ""


_TESTS: Final = {
    "Bool": "is",
    "StringEquals": "is",
    "StringNotEquals": "is not",
    "StringLike": "is like",
    "ArnEquals": "is",
    "ArnLike": "is like",
    "Null": "is",
}


def _value(test: str, wanted: object) -> str:
    if test == "Null":
        return "absent" if str(wanted).lower() == "true" else "present"
    return " or ".join(map(str, items(wanted)))


def _actions(actions: tuple[str, ...]) -> str:
    by_service: dict[str, list[str]] = {}
    for action in actions:
        service, _, name = action.partition(":")
        by_service.setdefault(service, []).append(name)
    return _and([_of(service, names) for service, names in by_service.items()])


def _of(service: str, names: list[str]) -> str:
    if service == "*":
        return "do anything"
    return f"do anything of {service}" if "*" in names else f"{service} {_and(names)}"


def _thing(arn: str, names: Mapping[str, str]) -> str:
    if arn == "*":
        return "any resource"
    parts: list[Any] = arn.split("${AWS::AccountId}:", 1)
    if arn.startswith("arn:") and len(parts) > 1:
        return f"{arn.split(':')[2]} {_plain(parts[1], names)}"
    fields = arn.split(":", 5)
    return f"{fields[2]} {_plain(fields[5], names)}" if len(fields) > 5 else _plain(arn, names)  # noqa: PLR2004 - an ARN's fields


def _plain(text: str, names: Mapping[str, str]) -> str:
    """Write `${Status274336EC.Arn}` as what it is: the table Status."""
    text = text.replace("${AWS::AccountId}", "this account")

    def told(match: re.Match[str]) -> str:
        name = names.get(match.group(1), match.group(1))
        return name if match.group(0) == text else f"({name})"

    return _PLACEHOLDER.sub(told, text)


def _who(kind: str, name: str) -> str:
    if name == "*":
        return "ANYONE"
    if name == "arn:aws:iam::${AWS::AccountId}:root":
        return "whom this account's administrators let"
    return name.removesuffix(".amazonaws.com") if kind == "Service" else name


def _short(arn: str) -> str:
    return arn.rpartition(":policy/")[2] or arn


def _and(words: list[str]) -> str:
    *most, last = words or [""]
    return f"{', '.join(most)} and {last}" if most else last
