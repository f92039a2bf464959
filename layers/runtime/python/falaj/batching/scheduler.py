"""Decides what runs next and when; knows neither a clock, nor a thread, nor a model.

Time enters as a parameter, in nanoseconds of any clock that does not go back.
"""

from typing import Final, NamedTuple

from falaj.batching.entry import Entry
from falaj.batching.lanes import Lanes
from falaj.batching.policy import BatchPolicy

_WEIGHT: Final = 0.2  # of the newest run in the mean duration
_OUTLIER: Final = 4  # times the mean that a run may count for


class Dispatch(NamedTuple):
    """Run these together, now."""

    entries: list[Entry]


class Wait(NamedTuple):
    """Ask again at this time, or when something has changed."""

    until_ns: int


class Idle(NamedTuple):
    """Ask again when something has changed."""


class Admission(NamedTuple):
    """Whether an entry may wait, and who had to leave for it."""

    is_admitted: bool
    displaced: Entry | None = None


Decision = Dispatch | Wait | Idle

IDLE: Final = Idle()
ADMITTED: Final = Admission(is_admitted=True)
REFUSED: Final = Admission(is_admitted=False)


class Scheduler:
    """One model's queue.

    The rule: nothing was lately in flight, run at once. Otherwise gather until as many wait as were
    lately in flight, or a share of a run's mean duration has passed since the last one ended.
    Running whatever waits as soon as the model is free settles into two half batches that take
    turns; a fixed window taxes whoever comes alone.

    Args:
        policy: Bounds.
        ahead: Full batches that may be handed over while all instances run, so that none waits for
            the event loop between two runs. Who takes them keeps to the instances.
        patience_ns: How long a request may wait at most. Where runs are long the queue is full when
            as many wait as will be answered in that time, though there were places left.

    Attributes:
        most_rows: Of one run; at first the policy's, less where larger runs gain nothing.
    """

    def __init__(
        self, policy: BatchPolicy, *, ahead: int = 0, patience_ns: int | None = None
    ) -> None:
        self.policy = policy
        self._patience_ns, self._room = patience_ns, policy.capacity
        self.most_rows = policy.max_batch_size
        self._lanes = Lanes()
        self._ahead = ahead
        self._running = 0
        self._in_flight = 0
        self._lately = 0
        self._gather_until_ns = 0
        self._mean_ns = 0.0
        self._earliest_deadline_ns: int | None = None

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._lanes.count

    @property
    def in_flight(self) -> int:
        """Requests being run."""
        return self._in_flight

    @property
    def mean_ns(self) -> float:
        """Mean duration of late runs; 0 before the first."""
        return self._mean_ns

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs or waits, and nothing but one request was lately in flight."""
        return not self._running and self._lately <= 1 and not self._lanes.count

    def ran_alone(self, *, took_ns: int, now_ns: int) -> None:
        """Note a run of one request that did not wait."""
        self._lately = 1
        self._learn(took_ns, now_ns)

    def expect(self, took_ns: int) -> None:
        """Take a duration measured elsewhere as the mean of late runs."""
        self._mean_ns = float(took_ns)
        self._measure_room()

    def admit(self, entry: Entry) -> Admission:
        """Let an entry wait, unless the queue is full.

        A tenant who fills the queue keeps nobody of its rank out: its newest entry makes room. A
        later rank makes room for an earlier one before anybody else does.
        """
        lanes = self._lanes
        displaced = None
        if lanes.count >= self._room:
            displaced = lanes.yielding_to(entry)
            if displaced is None:
                return REFUSED
            lanes.drop(displaced)
        lanes.append(entry)
        deadline = entry.deadline_ns
        if deadline is not None and (
            self._earliest_deadline_ns is None or deadline < self._earliest_deadline_ns
        ):
            self._earliest_deadline_ns = deadline
        return ADMITTED if displaced is None else Admission(is_admitted=True, displaced=displaced)

    def cancel(self, entry: Entry) -> None:
        """Forget an entry that nobody waits for; one that runs already runs on."""
        self._lanes.drop(entry)

    def expire(self, now_ns: int) -> list[Entry]:
        """Remove and return the entries whose deadline has passed."""
        if self._earliest_deadline_ns is None or now_ns < self._earliest_deadline_ns:
            return []
        waiting = [entry for entry in self._lanes if entry.deadline_ns is not None]
        late = [entry for entry in waiting if (entry.deadline_ns or 0) <= now_ns]
        for entry in late:
            self._lanes.drop(entry)
        self._earliest_deadline_ns = min(
            (entry.deadline_ns or 0 for entry in waiting if entry.is_waiting), default=None
        )
        return late

    def decide(self, now_ns: int) -> Decision:
        """Say what to do now."""
        lanes = self._lanes
        if not lanes.count:
            self._earliest_deadline_ns = None
            return IDLE
        beyond = self._running - self.policy.instances
        if beyond >= 0 and (beyond >= self._ahead or lanes.rows < self.most_rows):
            return self._or_deadline(None)
        if not self._is_gathered(now_ns):
            return self._or_deadline(self._gather_end(now_ns))
        entries = lanes.take(self._size())
        self._running += 1
        self._in_flight += len(entries)
        return Dispatch(entries)

    def completed(self, entries: list[Entry], *, took_ns: int, now_ns: int) -> None:
        """Note that a run ended."""
        self._lately = self._in_flight + self._lanes.count
        self._running -= 1
        self._in_flight -= len(entries)
        self._learn(took_ns, now_ns)

    def answered(self, now_ns: int) -> None:
        """Note that the last run's answers are out: its callers can ask again from now on."""
        self._gather_until_ns = self._gather_end_from(now_ns)

    def _learn(self, took_ns: int, now_ns: int) -> None:
        if self._mean_ns:
            # One run that the machine held up must not pass for a slow model.
            self._mean_ns += (min(took_ns, _OUTLIER * self._mean_ns) - self._mean_ns) * _WEIGHT
        else:
            self._mean_ns = float(took_ns)
        self._measure_room()
        self._gather_until_ns = self._gather_end_from(now_ns)

    def _measure_room(self) -> None:
        """Reckon how many may wait so that the last of them is answered in time."""
        if self._patience_ns is not None and self._mean_ns:
            runs = self._patience_ns / self._mean_ns * self.policy.instances
            in_time = max(1, int(runs) * self.most_rows)
            self._room = min(self.policy.capacity, in_time)

    def _gather_end_from(self, now_ns: int) -> int:
        return now_ns + int(self._mean_ns * self.policy.gather_share)

    def _is_gathered(self, now_ns: int) -> bool:
        lanes = self._lanes
        return (
            self.most_rows == 1
            or lanes.count + self._in_flight >= self._lately
            or lanes.rows >= self.most_rows
            or now_ns >= self._gather_end(now_ns)
        )

    def _gather_end(self, now_ns: int) -> int:
        if self.policy.delay_ns is None or now_ns >= self._gather_until_ns:
            return self._gather_until_ns
        oldest = min(entry.arrived_ns for entry in self._lanes)
        return min(self._gather_until_ns, oldest + self.policy.delay_ns)

    def _size(self) -> int:
        preferred = self.policy.preferred_batch_sizes
        if not preferred:
            return self.most_rows
        waiting = min(self._lanes.rows, self.most_rows)
        return max((size for size in preferred if size <= waiting), default=self.most_rows)

    def _or_deadline(self, until_ns: int | None) -> Decision:
        times = [t for t in (until_ns, self._earliest_deadline_ns) if t is not None]
        return Wait(min(times)) if times else IDLE
