"""Whatever comes in whatever order, every request ends exactly once and no bound is broken."""

from hypothesis import given, settings, strategies as st

from falaj.batching.policy import BatchPolicy
from falaj.batching.scheduler import Dispatch, Scheduler
from tests.falaj.batching.named import Named

CAPACITY = 6
RANKS = {"a": 1, "b": 3, "c": 3}
STEPS = st.one_of(
    st.tuples(
        st.just("come"),
        st.sampled_from("abc"),  # tenant
        st.integers(1, 3),  # priority
        st.integers(1, 5),  # rows
        st.sampled_from([None, 1]),  # key
        st.sampled_from([None, 5, 40]),  # time left
    ),
    st.tuples(st.just("decide")),
    st.tuples(st.just("complete")),
    st.tuples(st.just("cancel"), st.integers(0, 30)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_every_request_ends_exactly_once(steps):  # noqa: C901, PLR0912, PLR0915 - one world
    """Run, refused, displaced, expired or cancelled: one of them, whatever the order of events."""
    queue = Scheduler(BatchPolicy(max_batch_size=4, capacity=CAPACITY, instances=2))
    ended, came, running = [], [], []
    now = 0
    for step, *values in steps:
        now += 3
        if step == "come":
            tenant, priority, rows, key, left = values
            deadline = None if left is None else now + left
            entry = Named(
                len(came),
                rows=rows,
                arrived_ns=now,
                key=key,
                tenant=tenant,
                priority=priority,
                deadline_ns=deadline,
                rank=RANKS[tenant],
            )
            came.append(entry)
            admission = queue.admit(entry)
            if not admission.is_admitted:
                ended.append(entry)
            if admission.displaced is not None:
                assert admission.displaced.rank >= entry.rank
                ended.append(admission.displaced)
        elif step == "cancel" and values[0] < len(came) and came[values[0]].is_waiting:
            if came[values[0]] not in ended:
                queue.cancel(came[values[0]])
                ended.append(came[values[0]])
        elif step == "complete" and running:
            queue.completed(running.pop(0), took_ns=10, now_ns=now)
        else:
            ended += queue.expire(now)
            decision = queue.decide(now)
            if isinstance(decision, Dispatch):
                batch = decision.entries
                running.append(batch)
                ended += batch
                assert len(running) <= 2
                assert len({entry.key for entry in batch}) == 1
                assert len(batch) == 1 or sum(entry.rows for entry in batch) <= 4
        assert queue.waiting <= CAPACITY
        assert len(ended) == len(set(map(id, ended)))
        assert len(ended) + queue.waiting == len(came)
    while queue.waiting:
        now += 1000
        ended += queue.expire(now)
        decision = queue.decide(now)
        if isinstance(decision, Dispatch):
            ended += decision.entries
            running.append(decision.entries)
        while running:
            queue.completed(running.pop(0), took_ns=10, now_ns=now)
    assert sorted(map(id, ended)) == sorted(map(id, came))
