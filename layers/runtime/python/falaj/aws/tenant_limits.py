"""Every tenant's limits, and where they are counted, as an SSM parameter says.

It is read again now and then, and not written into functions: another limit is no new release.
"""

import json
from collections.abc import Mapping
from typing import Final

from falaj.aws.quota_table import Answered, Post
from falaj.domain.clock import Clock
from falaj.domain.quota import ALL_OTHERS, FIRST, LAST, Limits
from falaj.errors import DependencyError

REFRESH_S: Final = 60.0
_TARGET: Final = "AmazonSSM.GetParameter"
_TYPE: Final = "application/x-amz-json-1.1"
_OK: Final = 200


class TenantLimits:
    """Limits by tenant.

    Attributes:
        table: DynamoDB table in which requests are counted; empty until limits were read.
        admitted: The last priority that is not shed.

    Args:
        post: Sends a signed call to SSM.
        parameter: The parameter's name.
        clock: Tells the time.
        shed: The parameter with the last priority admitted; empty where nobody is shed.
    """

    def __init__(self, post: Post, parameter: str, clock: Clock, *, shed: str = "") -> None:
        self._post, self._parameter, self._clock = post, parameter, clock
        self._shed, self.admitted = shed, LAST
        self._limits: Mapping[str, Limits] = {}
        self.table = ""
        self._read_at = float("-inf")

    def of(self, tenant: str) -> Limits | None:
        """Return a tenant's limits; None if nothing bounds it.

        Raises:
            DependencyError: SSM does not answer, and never has.
        """
        now = self._clock.now().timestamp()
        if now - self._read_at >= REFRESH_S:
            # Whoever fails keeps the old ones, and does not ask again with every request.
            is_first, self._read_at = self._read_at == float("-inf"), now
            try:
                self._limits = self._read()
                self.admitted = self._last_admitted()
            except DependencyError:
                if is_first:
                    self._read_at = float("-inf")
                    raise
        return self._limits.get(tenant) or self._limits.get(ALL_OTHERS)

    def _read(self) -> Mapping[str, Limits]:
        answer = self._asked(self._parameter)
        if answer.status != _OK:
            raise DependencyError(
                service="ssm", doing="give the tenants' limits", reason=str(answer.status)
            )
        try:
            text = json.loads(answer.body)["Parameter"]["Value"]
            said = json.loads(text)
            self.table = str(said["table"])
            return {tenant: Limits.from_dict(one) for tenant, one in said["limits"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DependencyError(
                service="ssm", doing="give the tenants' limits", reason=repr(error)
            ) from error

    def _last_admitted(self) -> int:
        """Read who is shed; nobody where it is not written, or is no priority."""
        if not self._shed:
            return LAST
        answer = self._asked(self._shed)
        try:
            value = int(json.loads(answer.body)["Parameter"]["Value"])
        except (KeyError, TypeError, ValueError, AttributeError):
            return LAST
        return min(max(value, FIRST), LAST)

    def _asked(self, parameter: str) -> Answered:
        body = json.dumps({"Name": parameter}).encode()
        return self._post("/", body, headers={"content-type": _TYPE, "x-amz-target": _TARGET})
