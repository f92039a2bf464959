"""Every tenant's limits, and where they are counted, as an SSM parameter says.

It is read again now and then, and not written into functions: another limit is no new release.
"""

import json
from collections.abc import Mapping
from typing import Final

from falaj.aws.count_table import Post
from falaj.contract import SHED_AUTO
from falaj.domain.clock import Clock
from falaj.domain.quota import ALL_OTHERS, FIRST, LAST, Limits
from falaj.errors import DependencyError

REFRESH_S: Final = 60.0
_TARGET: Final = "AmazonSSM.GetParameters"
_TYPE: Final = "application/x-amz-json-1.1"
_OK: Final = 200


class TenantLimits:
    """Limits by tenant.

    Attributes:
        table: DynamoDB table in which requests are counted; empty until limits were read.
        admitted: The last priority that is not shed.
        ordered: The same where an operator has said it; None where he leaves it to others.

    Args:
        post: Sends a signed call to SSM.
        parameter: The parameter's name.
        clock: Tells the time.
        shed: The parameter with an operator's word on who is admitted; empty where nobody is shed.
        level: The parameter with the load shedder's, which holds where the operator leaves it.
    """

    def __init__(
        self, post: Post, parameter: str, clock: Clock, *, shed: str = "", level: str = ""
    ) -> None:
        self._post, self._parameter, self._clock = post, parameter, clock
        self._shed, self._level, self.admitted = shed, level, LAST
        self.ordered: int | None = None
        self._limits: Mapping[str, Limits] = {}
        self.table = ""
        self._read_at = float("-inf")

    def of(self, tenant: str) -> Limits | None:
        """Return a tenant's limits; None if nothing bounds it.

        Raises:
            DependencyError: SSM does not answer, and never has.
        """
        if self.are_due:
            now = self._clock.now().timestamp()
            # Whoever fails keeps the old ones, and does not ask again with every request.
            is_first, self._read_at = not self.are_known, now
            try:
                self.read()
            except DependencyError:
                if is_first:
                    self._read_at = float("-inf")
                    raise
        return self.known(tenant)

    @property
    def are_due(self) -> bool:
        """Whether it is time to read them again."""
        return self._clock.now().timestamp() - self._read_at >= REFRESH_S

    @property
    def are_known(self) -> bool:
        """Whether limits were read at all."""
        return self._read_at != float("-inf")

    def known(self, tenant: str) -> Limits | None:
        """Return a tenant's limits as they were last read; None if nothing is known to bound it."""
        return self._limits.get(tenant) or self._limits.get(ALL_OTHERS)

    def read(self, post: Post | None = None) -> None:
        """Read everything now.

        Args:
            post: Sends a signed call to SSM; while a function starts, more patiently than later.

        Raises:
            DependencyError: SSM does not answer, or not with limits.
        """
        found = self._asked(post or self._post)
        self._limits = self._read(found)
        self.ordered = self._order(found)
        self.admitted = self._level_in(found) if self.ordered is None else self.ordered
        self._read_at = self._clock.now().timestamp()

    def _read(self, found: Mapping[str, str]) -> Mapping[str, Limits]:
        try:
            said = json.loads(found[self._parameter])
            self.table = str(said["table"])
            return {tenant: Limits.from_dict(one) for tenant, one in said["limits"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DependencyError(
                service="ssm", doing="give the tenants' limits", reason=repr(error)
            ) from error

    def _order(self, found: Mapping[str, str]) -> int | None:
        """Read an operator's word; what is no priority sheds nobody."""
        word = found.get(self._shed, SHED_AUTO)
        try:
            return None if word == SHED_AUTO else _priority(word)
        except ValueError:
            return LAST

    def _level_in(self, found: Mapping[str, str]) -> int:
        """Read whom the load shedder admits; everybody where it is not written, or no priority."""
        try:
            if (text := found.get(self._level)) is not None:
                return _priority(json.loads(text)["admitted"])
        except (KeyError, TypeError, ValueError):
            pass
        return LAST

    def _asked(self, post: Post) -> Mapping[str, str]:
        """Ask for all at once; what is not written is not in the answer."""
        names = [name for name in (self._parameter, self._shed, self._level) if name]
        answer = post(
            "/",
            json.dumps({"Names": names}).encode(),
            headers={"content-type": _TYPE, "x-amz-target": _TARGET},
        )
        try:
            if answer.status == _OK:
                found = json.loads(answer.body)["Parameters"]
                return {str(each["Name"]): str(each["Value"]) for each in found}
            reason = str(answer.status)
        except (KeyError, TypeError, ValueError) as error:
            reason = repr(error)
        raise DependencyError(service="ssm", doing="give the tenants' limits", reason=reason)


def _priority(value: object) -> int:
    if not isinstance(value, int | str):
        raise TypeError(f"{value!r} is no priority")
    return min(max(int(value), FIRST), LAST)
