"""Who leaves a full queue first, and whom an operator lets wait: tenants by their priorities."""

from typing import TYPE_CHECKING, Final

from falaj.batching.entry import FIRST_RANK
from falaj.errors import ShedError

if TYPE_CHECKING:
    from falaj.aws.tenant_limits import TenantLimits

ORDERED_S: Final = 60
"""After how long whoever waits by an operator's word may ask again, as with the functions."""


class Ranks:
    """Tenants' ranks in a container's queues.

    A queue that is full sheds by itself, the last rank first (falaj.batching.lanes). An operator's
    word overrules that both ways: whom he sheds is refused at the door, the others are all alike.

    Args:
        limits: Tenants' priorities; somebody else reads them again now and then.
    """

    def __init__(self, limits: "TenantLimits") -> None:
        self._limits = limits

    def of(self, tenant: str) -> int:
        """Return a tenant's rank; the first where nothing is known of it.

        Raises:
            ShedError: An operator lets its priority wait.
        """
        limits = self._limits.known(tenant)
        if limits is None:
            return FIRST_RANK
        ordered = self._limits.ordered
        if ordered is None:
            return limits.priority
        if limits.priority > ordered:
            raise ShedError(tenant=tenant, priority=limits.priority, retry_after_s=ORDERED_S)
        return FIRST_RANK
