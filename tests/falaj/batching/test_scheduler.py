"""What runs together, when, and who is turned away: decisions as data, time as a number."""

import pytest

from falaj.batching.policy import BatchPolicy
from falaj.batching.scheduler import IDLE, Dispatch, Scheduler, Wait
from tests.falaj.batching.named import Named, names_of

MS = 1_000_000


def entry(name="", *, rows=1, at=0, **values):
    """A request called `name`."""
    return Named(name, rows=rows, arrived_ns=at, **values)


def scheduler(**policy):
    """A queue whose runs last 10 ms on average."""
    made = Scheduler(BatchPolicy(**policy))
    made.expect(10 * MS)
    return made


def names(decision):
    """What is to run, by name."""
    assert isinstance(decision, Dispatch), decision
    return names_of(decision.entries)


def admit(queue, *entries):
    """Let entries in; all must be taken."""
    for one in entries:
        assert queue.admit(one).is_admitted


def test_a_request_that_comes_alone_runs_at_once():
    """A quiet service adds no wait."""
    queue = scheduler()
    admit(queue, entry("a"))
    assert names(queue.decide(0)) == ["a"]


def test_while_a_run_is_under_way_requests_gather():
    """One run at a time; who comes meanwhile goes together."""
    queue = scheduler()
    admit(queue, entry("a"))
    running = queue.decide(0).entries
    admit(queue, entry("b"), entry("c"))
    assert queue.decide(5 * MS) == IDLE
    queue.completed(running, took_ns=10 * MS, now_ns=10 * MS)
    admit(queue, entry("a again"))
    assert names(queue.decide(10 * MS)) == ["b", "c", "a again"]


def test_after_a_run_the_queue_waits_until_as_many_are_back():
    """Eight callers in step stay one batch of eight, not two of four that take turns."""
    queue = scheduler()
    admit(queue, *(entry(n) for n in range(8)))
    queue.completed(queue.decide(0).entries, took_ns=10 * MS, now_ns=10 * MS)
    for back in range(7):
        admit(queue, entry(back))
        assert queue.decide(10 * MS + back) == Wait(13 * MS)
    admit(queue, entry(7))
    assert names(queue.decide(10 * MS + 8)) == list(range(8))


def test_the_wait_for_company_is_a_share_of_a_runs_duration():
    """Callers who left are waited for 0.3 of a run, once."""
    queue = scheduler()
    admit(queue, *(entry(n) for n in range(8)))
    queue.completed(queue.decide(0).entries, took_ns=10 * MS, now_ns=10 * MS)
    admit(queue, entry("only one is back"))
    assert queue.decide(12 * MS) == Wait(13 * MS)
    dispatched = queue.decide(13 * MS)
    assert names(dispatched) == ["only one is back"]
    queue.completed(dispatched.entries, took_ns=10 * MS, now_ns=23 * MS)
    admit(queue, entry("and again"))
    assert names(queue.decide(23 * MS)) == ["and again"]


def test_the_longest_delay_bounds_the_wait():
    """`max_queue_delay_microseconds` holds however slow the model is."""
    queue = scheduler(max_queue_delay_microseconds=500)
    admit(queue, *(entry(n) for n in range(8)))
    queue.completed(queue.decide(0).entries, took_ns=10 * MS, now_ns=10 * MS)
    admit(queue, entry("back", at=10 * MS))
    assert queue.decide(10 * MS) == Wait(10 * MS + 500_000)


def test_a_batch_holds_at_most_its_rows():
    """Rows, not requests, fill a batch; one that alone has more runs alone."""
    queue = scheduler(max_batch_size=8)
    admit(queue, entry("five", rows=5), entry("four", rows=4), entry("three", rows=3))
    admit(queue, entry("twenty", rows=20))
    first = queue.decide(0)
    assert names(first) == ["five", "three"]
    queue.completed(first.entries, took_ns=MS, now_ns=MS)
    second = queue.decide(MS)
    assert names(second) == ["four"]
    queue.completed(second.entries, took_ns=MS, now_ns=2 * MS)
    assert names(queue.decide(2 * MS)) == ["twenty"]


def test_preferred_sizes_cut_a_batch_when_more_waits():
    """With sizes 4 and 8, eleven requests run as 8 and the rest."""
    queue = scheduler(max_batch_size=16, preferred_batch_sizes=(4, 8))
    admit(queue, *(entry(n) for n in range(11)))
    first = queue.decide(0)
    assert names(first) == list(range(8))
    queue.completed(first.entries, took_ns=MS, now_ns=MS)
    assert names(queue.decide(100 * MS)) == [8, 9, 10]


def test_shapes_that_do_not_batch_never_share_a_run():
    """Requests of different keys run apart, in the order they came."""
    queue = scheduler()
    admit(queue, entry("a", key=(3,)), entry("b", key=(4,)), entry("c", key=(3,)))
    first = queue.decide(0)
    assert names(first) == ["a", "c"]
    queue.completed(first.entries, took_ns=MS, now_ns=MS)
    assert names(queue.decide(100 * MS)) == ["b"]


def test_without_joining_each_request_runs_alone():
    """A model that registration calls unsafe gets one request at a time."""
    queue = scheduler(max_batch_size=1)
    admit(queue, entry("a"), entry("b"))
    first = queue.decide(0)
    assert names(first) == ["a"]
    queue.completed(first.entries, took_ns=MS, now_ns=MS)
    assert names(queue.decide(MS)) == ["b"]


def test_higher_priority_goes_first():
    """Urgent requests overtake, and share the batch with the others if there is room."""
    queue = scheduler(max_batch_size=2)
    admit(queue, entry("usual", priority=2), entry("later", priority=3), entry("now", priority=1))
    assert names(queue.decide(0)) == ["now", "usual"]


def test_tenants_take_turns():
    """A tenant with a hundred waiting delays another's two by two places, not by a hundred."""
    queue = scheduler(max_batch_size=4)
    admit(queue, *(entry(f"flood {n}", tenant="flood") for n in range(100)))
    admit(queue, *(entry(f"calm {n}", tenant="calm") for n in range(2)))
    assert sorted(names(queue.decide(0))) == ["calm 0", "calm 1", "flood 0", "flood 1"]


def test_every_tenant_gets_the_same_share_while_all_want_more():
    """Over 30 batches three tenants are served alike, whatever they have queued."""
    queue = scheduler(max_batch_size=4, capacity=10_000)
    for tenant, count in (("a", 1000), ("b", 200), ("c", 60)):
        admit(queue, *(entry(tenant, tenant=tenant) for _ in range(count)))
    served = []
    for step in range(30):
        dispatched = queue.decide(step * 100 * MS)
        served += names(dispatched)
        queue.completed(dispatched.entries, took_ns=MS, now_ns=step * 100 * MS)
    assert {tenant: served.count(tenant) for tenant in "abc"} == {"a": 40, "b": 40, "c": 40}


def test_a_full_queue_refuses_at_once():
    """The queue is bounded: the next request is told so and not kept."""
    queue = scheduler(capacity=3)
    admit(queue, entry(0), entry(1), entry(2))
    assert not queue.admit(entry(3)).is_admitted
    assert queue.waiting == 3


def test_a_tenant_that_fills_the_queue_keeps_nobody_out():
    """The newcomer of another tenant displaces the newest request of the greediest."""
    queue = scheduler(capacity=3)
    admit(queue, *(entry(n, tenant="flood") for n in range(3)))
    admission = queue.admit(entry("calm", tenant="calm"))
    assert (admission.is_admitted, admission.displaced.name) == (True, 2)
    assert queue.waiting == 3
    assert not queue.admit(entry("more", tenant="flood")).is_admitted


def test_lower_priority_displaces_nobody_of_higher():
    """An urgent request stays in the queue, however many its tenant has."""
    queue = scheduler(capacity=3)
    admit(queue, *(entry(n, tenant="flood", priority=1) for n in range(3)))
    assert not queue.admit(entry("calm", tenant="calm", priority=2)).is_admitted


def test_a_queue_is_full_when_no_more_will_be_answered_in_time():
    """Runs of 10 ms and 35 ms of patience: three wait, a fourth is told at once."""
    queue = Scheduler(BatchPolicy(max_batch_size=1), patience_ns=35 * MS)
    queue.expect(10 * MS)
    admit(queue, entry("a", rank=2), entry("b", rank=2), entry("c", rank=2))
    assert not queue.admit(entry("d", rank=2)).is_admitted
    assert queue.admit(entry("first", tenant="first")).displaced.name == "c"


def test_short_runs_leave_the_queue_its_places():
    """What is answered in time is bounded by places alone; one always may wait."""
    queue = Scheduler(BatchPolicy(capacity=3), patience_ns=1000 * MS)
    queue.expect(MS)
    admit(queue, entry(0), entry(1), entry(2))
    assert not queue.admit(entry(3)).is_admitted
    slow = Scheduler(BatchPolicy(max_batch_size=1), patience_ns=MS)
    slow.expect(10 * MS)
    admit(slow, entry("alone"))


def test_the_last_rank_leaves_a_full_queue_first():
    """Whoever is later makes room for an earlier rank, though others hold more and ask alike."""
    queue = scheduler(capacity=4)
    admit(queue, entry("third", tenant="c", rank=3), entry("fifth", tenant="e", rank=5, priority=1))
    admit(queue, *(entry(f"first {n}", tenant="a", rank=1) for n in range(2)))
    left = [queue.admit(entry(n, tenant="a", rank=1)).displaced for n in range(2)]
    assert names_of(left) == ["fifth", "third"]
    assert not queue.admit(entry("again", tenant="a", rank=1)).is_admitted


def test_a_later_rank_displaces_nobody():
    """However much an earlier one holds: who comes first by rank is refused last."""
    queue = scheduler(capacity=3)
    admit(queue, *(entry(n, tenant="first", rank=1) for n in range(3)))
    assert not queue.admit(entry("later", tenant="later", rank=2)).is_admitted


def test_within_a_rank_a_full_queue_is_shared():
    """Of those of the last rank, the one that holds most makes room for the other."""
    queue = scheduler(capacity=4)
    admit(queue, entry("first", tenant="first", rank=1))
    admit(queue, *(entry(n, tenant="flood", rank=4) for n in range(3)))
    assert queue.admit(entry("calm", tenant="calm", rank=4)).displaced.name == 2
    assert not queue.admit(entry("more", tenant="flood", rank=4)).is_admitted


def test_expired_requests_are_given_back_and_do_not_run():
    """A deadline that passes in the queue costs no run."""
    queue = scheduler()
    admit(queue, entry("late", deadline_ns=MS), entry("in time", deadline_ns=99 * MS), entry("any"))
    assert names_of(queue.expire(2 * MS)) == ["late"]
    assert queue.expire(2 * MS) == []
    assert names(queue.decide(2 * MS)) == ["in time", "any"]


def test_a_busy_queue_wakes_for_the_next_deadline():
    """Whoever drives it asks again when somebody's time is up."""
    queue = scheduler()
    admit(queue, entry("a"))
    queue.decide(0)
    admit(queue, entry("b", deadline_ns=7 * MS))
    assert queue.decide(0) == Wait(7 * MS)


def test_cancelled_requests_do_not_run():
    """Nothing is computed for a caller who has left."""
    queue = scheduler()
    gone = entry("gone")
    admit(queue, gone, entry("here"))
    queue.cancel(gone)
    queue.cancel(gone)
    assert queue.waiting == 1
    assert names(queue.decide(0)) == ["here"]


def test_several_instances_run_side_by_side():
    """Two instances take two batches at once, and no third."""
    queue = scheduler(instances=2, max_batch_size=1)
    admit(queue, entry("a"), entry("b"), entry("c"))
    assert [names(queue.decide(0)), names(queue.decide(0))] == [["a"], ["b"]]
    assert queue.decide(0) == IDLE


@pytest.mark.parametrize(
    "values",
    [
        {"max_batch_size": 0},
        {"capacity": 0},
        {"instances": 0},
        {"max_queue_delay_microseconds": -1},
        {"gather_share": 1.5},
        {"preferred_batch_sizes": (8, 4)},
        {"preferred_batch_sizes": (64,)},
    ],
)
def test_impossible_policies_are_refused(values):
    """A setting that could not hold is an error that names it."""
    with pytest.raises(ValueError, match=next(iter(values))):
        BatchPolicy(**values)


def test_gathering_begins_when_the_answers_are_out():
    """While they are written nobody can ask again: that time is not the callers'."""
    queue = scheduler()
    admit(queue, *(entry(n) for n in range(8)))
    queue.completed(queue.decide(0).entries, took_ns=10 * MS, now_ns=10 * MS)
    queue.answered(12 * MS)
    admit(queue, entry("early"))
    assert queue.decide(14 * MS) == Wait(15 * MS)
    assert names(queue.decide(15 * MS)) == ["early"]


def test_only_a_full_batch_is_handed_over_ahead():
    """What could still grow waits for the run before it; one batch ahead is enough."""
    queue = Scheduler(BatchPolicy(max_batch_size=2), ahead=1)
    admit(queue, entry("a"))
    assert names(queue.decide(0)) == ["a"]
    admit(queue, entry("b"))
    assert queue.decide(0) == IDLE
    admit(queue, entry("c"), entry("d"), entry("e"))
    assert names(queue.decide(0)) == ["b", "c"]
    assert queue.decide(0) == IDLE


def test_a_batch_is_no_larger_than_is_useful():
    """Where warm-up found that large runs cost more, they are not made."""
    queue = scheduler(max_batch_size=8)
    queue.most_rows = 2
    admit(queue, *(entry(n) for n in range(5)))
    assert names(queue.decide(0)) == [0, 1]
