"""How many requests are behind the gate at a time, and who finds none of the last places.

The server behind queues and batches for itself, and a request that is there cannot be taken back.
So whoever comes last in priority is refused first, before all places are taken: of the five
priorities the first may take every place, the last half of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from falaj.batching.entry import FIRST_RANK
from falaj.domain.quota import LAST
from falaj.errors import OverloadedError, ShedError

_SOON_S = 1


class Places:
    """Counts them.

    Args:
        model: Whose they are.
        places: How many there are.

    Attributes:
        taken: How many are taken now.
    """

    def __init__(self, model: str, places: int) -> None:
        self._model, self._places = model, places
        self.taken = 0

    def open_to(self, rank: int) -> int:
        """Return how many places a rank may find taken and still be let in.

        Example:
            >>> [Places("m", 100).open_to(rank) for rank in (1, 3, 5)]
            [100, 75, 50]
        """
        kept = (min(rank, LAST) - FIRST_RANK) / (2 * (LAST - FIRST_RANK))
        return max(1, int(self._places * (1 - kept)))

    @contextmanager
    def held(self, rank: int, tenant: str) -> Iterator[None]:
        """Hold a place.

        Args:
            rank: The tenant's; 1 goes first.
            tenant: On whose behalf, for the refusal's sentence.

        Raises:
            ShedError: Places are left, and kept for others.
            OverloadedError: None is left.
        """
        if self.taken >= self._places:
            raise OverloadedError(model=self._model, waiting=self.taken)
        if self.taken >= self.open_to(rank):
            raise ShedError(tenant=tenant, priority=rank, retry_after_s=_SOON_S)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
