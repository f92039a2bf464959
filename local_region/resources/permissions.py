"""Who may invoke which function: the resource policies that `AWS::Lambda::Permission` writes."""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """One statement of a function's policy."""

    function_arn: str
    principal: str
    source_arn: str | None


class Permissions:
    """Every permission of the region by statement id."""

    def __init__(self) -> None:
        self._statements: dict[str, Permission] = {}

    def grant(self, statement: str, permission: Permission) -> None:
        """Add or replace a statement."""
        self._statements[statement] = permission

    def revoke(self, statement: str) -> None:
        """Drop a statement, if it is there."""
        self._statements.pop(statement, None)

    def allows(self, *, function_arn: str, principal: str, source_arn: str) -> bool:
        """Say whether the principal may invoke exactly this function, version or alias."""
        return any(
            permission.function_arn == function_arn
            and permission.principal == principal
            and (permission.source_arn is None or fnmatchcase(source_arn, permission.source_arn))
            for permission in self._statements.values()
        )

    def names(self, *, function_arn: str, principal: str) -> bool:
        """Say whether the principal may invoke it from anywhere at all."""
        return any(
            (permission.function_arn, permission.principal) == (function_arn, principal)
            for permission in self._statements.values()
        )
