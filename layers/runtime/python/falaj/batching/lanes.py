"""The waiting requests: by priority, then in turn among tenants, each tenant first come first."""

from collections import deque
from collections.abc import Hashable, Iterator

from falaj.batching.entry import Entry


class Lanes:
    """Waiting entries. Whoever sends most waits longest; nobody else does.

    Entries that were cancelled or have expired stay where they are until they are passed over.
    """

    def __init__(self) -> None:
        self._levels: dict[int, dict[str, deque[Entry]]] = {}
        self._held: dict[str, int] = {}
        self.count = 0
        self.rows = 0

    def append(self, entry: Entry) -> None:
        """Let an entry wait behind its tenant's others."""
        tenant = entry.tenant
        level = self._levels.get(entry.priority)
        if level is None:
            level = self._levels[entry.priority] = {}
        lane = level.get(tenant)
        if lane is None:
            lane = level[tenant] = deque()
        lane.append(entry)
        entry.is_waiting = True
        self._held[tenant] = self._held.get(tenant, 0) + 1
        self.count += 1
        self.rows += entry.rows

    def drop(self, entry: Entry) -> None:
        """Let an entry wait no more; nothing happens if it does not."""
        if entry.is_waiting:
            entry.is_waiting = False
            self._note_gone(entry.tenant, 1, entry.rows)

    def _note_gone(self, tenant: str, count: int, rows: int) -> None:
        self.count -= count
        self.rows -= rows
        left = self._held[tenant] - count
        if left:
            self._held[tenant] = left
        else:
            del self._held[tenant]

    def take(self, most_rows: int) -> list[Entry]:
        """Remove what shall run together: at most so many rows, or one entry that alone has more.

        The first in turn says which key; tenants then give one entry each, round after round.
        """
        if len(self._levels) == 1:
            (level,) = self._levels
            lanes = self._levels[level]
            if len(lanes) == 1:
                return self._take_in_line(level, next(iter(lanes.values())), most_rows)
        taken: list[Entry] = []
        rows = 0
        key: Hashable = None
        for level in sorted(self._levels):
            for entry in self._in_turn(level, None if not taken else (key,)):
                if taken and rows + entry.rows > most_rows:
                    continue
                key = entry.key
                self.drop(entry)
                taken.append(entry)
                rows += entry.rows
                if rows >= most_rows:
                    break
            self._tidy(level)
            if rows >= most_rows:
                break
        return taken

    def _take_in_line(self, level: int, lane: deque[Entry], most_rows: int) -> list[Entry]:
        """Take from the front of the only lane while what comes fits: the usual case."""
        taken: list[Entry] = []
        rows = 0
        while lane:
            entry = lane[0]
            if not entry.is_waiting:
                lane.popleft()
                continue
            if taken and (entry.key != taken[0].key or rows + entry.rows > most_rows):
                self._note_gone(entry.tenant, len(taken), rows)
                return taken + self._take_behind(level, taken[0].key, most_rows - rows)
            lane.popleft()
            entry.is_waiting = False
            taken.append(entry)
            rows += entry.rows
            if rows >= most_rows:
                break
        if taken:
            self._note_gone(taken[0].tenant, len(taken), rows)
        self._tidy(level)
        return taken

    def _take_behind(self, level: int, key: Hashable, most_rows: int) -> list[Entry]:
        """Take what still fits from behind an entry that does not."""
        taken: list[Entry] = []
        for entry in self._in_turn(level, (key,)):
            if entry.rows <= most_rows:
                self.drop(entry)
                taken.append(entry)
                most_rows -= entry.rows
                if not most_rows:
                    break
        self._tidy(level)
        return taken

    def yielding_to(self, than: Entry) -> Entry | None:
        """Who makes room for a newcomer: of the last rank, the newest of whoever holds most.

        None if the newcomer's own rank is the last and that tenant is its own, holds hardly more,
        or asks more urgently; or if the newcomer's is later still.
        """
        ranks = {tenant: self._rank(tenant) for tenant in self._held}
        last = max(ranks.values())
        if last < than.rank:
            return None
        greediest = max(
            (tenant for tenant, rank in ranks.items() if rank == last), key=self._held.__getitem__
        )
        is_earlier = than.rank < last
        if not is_earlier and self._held[greediest] <= self._held.get(than.tenant, 0) + 1:
            return None
        for level in sorted(self._levels, reverse=True):
            if level < than.priority and not is_earlier:
                return None
            for entry in reversed(self._levels[level].get(greediest, ())):
                if entry.is_waiting:
                    return entry
        return None

    def _rank(self, tenant: str) -> int:
        """The rank under which a tenant came last."""
        lanes = (level[tenant] for level in self._levels.values() if tenant in level)
        return max(lane[-1].rank for lane in lanes)

    def __iter__(self) -> Iterator[Entry]:
        for level in self._levels.values():
            for lane in level.values():
                yield from (entry for entry in lane if entry.is_waiting)

    def _in_turn(self, level: int, key: tuple[Hashable] | None) -> Iterator[Entry]:
        """Yield a level's entries of one key, tenants alternating; the first sets the key."""
        lanes = self._levels[level]
        walks = [iter(lane) for lane in lanes.values()]
        while walks:
            going = []
            for walk in walks:
                for entry in walk:
                    if entry.is_waiting and (key is None or entry.key == key[0]):
                        key = (entry.key,)
                        yield entry
                        going.append(walk)
                        break
            walks = going

    def _tidy(self, level: int) -> None:
        """Forget what waits no more, and let the tenant that was first be last next time."""
        lanes = self._levels[level]
        for tenant in list(lanes):
            lane = lanes[tenant]
            while lane and not lane[0].is_waiting:
                lane.popleft()
            if not lane:
                del lanes[tenant]
        if not lanes:
            del self._levels[level]
        elif len(lanes) > 1:
            first = next(iter(lanes))
            lanes[first] = lanes.pop(first)
