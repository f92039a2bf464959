"""What waits in a queue: everything a scheduler may know about a request, and nothing else."""

from collections.abc import Hashable
from typing import Final

NORMAL_PRIORITY: Final = 2
"""Of 1 (first) to `LOWEST_PRIORITY`; a request that names none has this one."""

LOWEST_PRIORITY: Final = 3

FIRST_RANK: Final = 1
"""Of a tenant who leaves a full queue last, and of everybody where tenants have no ranks."""


class Entry:
    """One request in a queue; callers' own kinds say what it is about. A scheduler marks it.

    Most requests differ from the usual in nothing, and one is made for each: what is written here
    is the usual, and an entry holds what differs.

    Attributes:
        rows: How much of a batch it fills, at least 1.
        arrived_ns: When it came.
        key: Only entries of equal keys may share a run: every size but the batch's.
        tenant: On whose behalf.
        priority: Smaller goes first.
        deadline_ns: When an answer is of no more use; None if always of some.
        rank: The tenant's: who has a later one leaves a full queue first.
        is_waiting: Whether a queue holds it.
    """

    rows: int = 1
    arrived_ns: int = 0
    key: Hashable = None
    tenant: str = ""
    priority: int = NORMAL_PRIORITY
    deadline_ns: int | None = None
    rank: int = FIRST_RANK
    is_waiting: bool = False
