"""What waits in a queue: everything a scheduler may know about a request, and nothing else."""

from collections.abc import Hashable
from typing import Any, Final

NORMAL_PRIORITY: Final = 2
"""Of 1 (first) to `LOWEST_PRIORITY`; a request that names none has this one."""

LOWEST_PRIORITY: Final = 3

FIRST_RANK: Final = 1
"""Of a tenant who leaves a full queue last, and of everybody where tenants have no ranks."""


class Entry:
    """One request in a queue. Mutable: a scheduler marks what became of it.

    Args:
        payload: The caller's own; never looked at.
        rows: How much of a batch it fills, at least 1.
        arrived_ns: When it came.
        key: Only entries of equal keys may share a run: every size but the batch's.
        tenant: On whose behalf.
        priority: Smaller goes first.
        deadline_ns: When an answer is of no more use; None if always of some.
        rank: The tenant's: who has a later one leaves a full queue first.
    """

    __slots__ = (
        "arrived_ns",
        "deadline_ns",
        "is_waiting",
        "key",
        "payload",
        "priority",
        "rank",
        "rows",
        "tenant",
    )

    def __init__(
        self,
        payload: Any,  # noqa: ANN401 - opaque on purpose
        *,
        rows: int,
        arrived_ns: int,
        key: Hashable = None,
        tenant: str = "",
        priority: int = NORMAL_PRIORITY,
        deadline_ns: int | None = None,
        rank: int = FIRST_RANK,
    ) -> None:
        self.payload = payload
        self.rows = rows
        self.arrived_ns = arrived_ns
        self.key = key
        self.tenant = tenant
        self.priority = priority
        self.deadline_ns = deadline_ns
        self.rank = rank
        self.is_waiting = True
