"""What each role may do, in sentences that a person can check."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from policies.application import Resource, View
from policies.assembly import read_stacks
from policies.statements import IDENTITY, TRUST, Statement, statements
from policies.values import items

_ROLE: Final = "AWS::IAM::Role"
_POLICIES: Final = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy")
_NOBODY: Final = "nobody"
_PLACEHOLDER: Final = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.Arn)?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRights:
    """A role and its rights.

    Attributes:
        role: `FalajApi/PlatformRole`.
        taken_by: Who may become it.
        bounded_by: Its permission boundary; empty if it has none.
        may: What it may do, a sentence for each statement.
        may_not: What it is denied, likewise.
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
    for view in (view for stack in read_stacks(cdk_out) for view in stack.views()):
        for role in view.of_type(_ROLE):
            # Conditions can make two roles of one: both are told.
            told = _rights(role, view)
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


def _rights(role: Resource, view: View) -> RoleRights:
    written = [*statements(role, IDENTITY), *_attached(role, view)]
    managed = [
        f"do what AWS's policy {_short(arn)} allows"
        for arn in map(str, items(role.properties.get("ManagedPolicyArns")))
        if arn.startswith("arn:aws:iam::aws:")
    ]
    trusted = [
        _who(kind, name)
        for statement in statements(role, TRUST)
        if statement.is_allow
        for kind, name in statement.principals
    ]
    return RoleRights(
        role=role.name,
        taken_by=", ".join(trusted) or _NOBODY,
        bounded_by=_short(str(role.properties.get("PermissionsBoundary", ""))),
        may=(*(sentence(s) for s in written if s.is_allow), *managed),
        may_not=tuple(sentence(s) for s in written if not s.is_allow),
    )


def _attached(role: Resource, view: View) -> Iterator[Statement]:
    """Yield the statements of policies of the same stack that are attached to a role."""
    attached = set(map(str, items(role.properties.get("ManagedPolicyArns"))))
    names = {f"${{{role.id}}}", role.properties.get("RoleName")}
    for policy in view.of_type(*_POLICIES):
        roles = [*items(policy.properties.get("Roles")), policy.properties.get("RoleName")]
        is_named = f"${{{policy.id}}}" in attached or f"${{{policy.id}.PolicyArn}}" in attached
        if is_named or names & set(map(str, roles)):
            yield from statements(policy, IDENTITY)


def sentence(statement: Statement) -> str:
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
        actions = f"everything but {_actions(statement.but_actions)}"
    things = _and([_thing(arn) for arn in statement.resources]) or "nothing"
    if statement.but_resources:
        things = f"everything but {_and([_thing(arn) for arn in statement.but_resources])}"
    conditions = [
        f"{key} {_TESTS.get(test, test)} {_value(test, wanted)}".rstrip()
        for test, keys in statement.conditions.items()
        for key, wanted in keys.items()
    ]
    return f"{actions} on {things}" + (f", if {_and(conditions)}" if conditions else "")


_TESTS: Final = {
    "Bool": "is",
    "StringEquals": "is",
    "StringNotEquals": "is not",
    "StringLike": "is like",
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
    return _and(
        [
            "everything" if service == "*" else f"{service} {_and(names)}"
            for service, names in by_service.items()
        ]
    )


def _thing(arn: str) -> str:
    if arn == "*":
        return "any resource"
    parts: list[Any] = arn.replace("${AWS::AccountId}", "").split(":", 5)
    return f"{parts[2]} {_plain(parts[5])}" if len(parts) > 5 else _plain(arn)  # noqa: PLR2004 - an ARN's fields


def _plain(text: str) -> str:
    """Write `${Status.Arn}` as Status."""
    return _PLACEHOLDER.sub(r"\1", text)


def _who(kind: str, name: str) -> str:
    if name == "*":
        return "ANYONE"
    return name.removesuffix(".amazonaws.com") if kind == "Service" else name


def _short(arn: str) -> str:
    return arn.rpartition(":policy/")[2] or arn


def _and(words: list[str]) -> str:
    *most, last = words or [""]
    return f"{', '.join(most)} and {last}" if most else last
