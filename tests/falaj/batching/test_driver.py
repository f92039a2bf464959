"""Promise: who comes alone is answered at once; who comes together runs together."""

import asyncio
import time
from threading import Event, Lock

from falaj.batching.driver import Batcher
from falaj.batching.policy import BatchPolicy
from falaj.batching.scheduler import Scheduler
from falaj.batching.threads import Threads
from tests.falaj.batching.named import Named, names_of

QUICK, SLOW = 1, 10**9


def played(story, *, took_ns=QUICK, size=8, pause_s=0.0):
    """Play a story against a batcher; return the batches that ran, in order."""
    batches = []

    def run(entries):
        batches.append(names_of(entries))
        time.sleep(pause_s)
        return entries

    async def play():
        loop = asyncio.get_running_loop()
        threads = Threads(loop)
        batcher = Batcher(
            scheduler=Scheduler(BatchPolicy(max_batch_size=size)),
            run=run,
            finish=lambda *_: None,
            expire=lambda _: None,
            loop=loop,
            threads=threads,
        )
        for rows in (1, 2, 4, 8):
            batcher.expect(rows, took_ns)
        await story(batcher, batches)
        for _ in range(12_000):
            if not batcher.scheduler.waiting and not batcher.scheduler.in_flight:
                break
            await asyncio.sleep(0.005)
        threads.close(wait=True)

    asyncio.run(play())
    return batches


def ask(batcher, *names):
    """Requests that arrive in one turn of the loop."""
    for name in names:
        batcher.submit(Named(name))


def test_a_lone_request_runs_before_submit_returns():
    """Nothing waits for a turn of the loop when there is nobody to wait for."""

    async def story(batcher, batches):
        for name in "abc":
            ask(batcher, name)
            assert batches[-1] == [name]
            await asyncio.sleep(0)

    assert played(story) == [["a"], ["b"], ["c"]]


def test_those_who_come_in_one_turn_run_together():
    """The first cannot know of the others; the others share a run, and the next time all do."""

    async def story(batcher, batches):
        ask(batcher, *"abcd")
        assert batches == [["a"]]
        for _ in range(20):
            await asyncio.sleep(0.001)
        ask(batcher, *"efgh")

    batches = played(story)
    assert batches[:2] == [["a"], ["b", "c", "d"]]
    assert sorted(name for batch in batches for name in batch) == list("abcdefgh")
    assert ["e"] not in batches


def test_a_slow_model_never_holds_up_the_loop():
    """What takes long runs on a thread, alone or not."""

    async def story(batcher, batches):
        ask(batcher, "a")
        assert batches == []

    assert played(story, took_ns=SLOW) == [["a"]]


def test_quick_batches_give_way_to_others():
    """A full queue of quick runs must not keep the loop from its connections until it is empty."""
    came_by = []

    async def story(batcher, batches):
        ask(batcher, *"abcdef")
        asyncio.get_running_loop().call_soon(
            lambda: asyncio.get_running_loop().call_soon(lambda: came_by.append(len(batches)))
        )

    assert played(story, size=1, pause_s=0.002) == [[name] for name in "abcdef"]
    assert came_by[0] < len("abcdef")


def test_what_is_handed_over_ahead_keeps_to_the_instances():
    """The next batch waits beside the device, not on it."""
    lock, may_end, beside = Lock(), Event(), []

    def run(entries):
        assert lock.acquire(blocking=False)
        may_end.wait(30)
        lock.release()
        return entries

    async def play():
        loop = asyncio.get_running_loop()
        threads, finished, every = Threads(loop), [], loop.create_future()

        def finish(_, answers, *__):
            finished.extend(answers)
            if len(finished) == 3:
                every.set_result(finished)

        batcher = Batcher(
            scheduler=Scheduler(BatchPolicy(max_batch_size=1), ahead=1),
            run=run,
            finish=finish,
            expire=lambda _: None,
            loop=loop,
            threads=threads,
        )
        ask(batcher, *"abc")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        beside.append((batcher.scheduler.in_flight, batcher.scheduler.waiting))
        may_end.set()
        answers = await every
        threads.close(wait=True)
        return answers

    assert names_of(asyncio.run(play())) == ["a", "b", "c"]
    assert beside == [(2, 1)]


def test_a_model_that_does_not_join_runs_each_alone():
    """Off is off: also in one turn, nobody shares a run."""

    async def story(batcher, _):
        ask(batcher, *"abc")

    assert played(story, size=1) == [["a"], ["b"], ["c"]]


def test_a_batch_that_is_under_way_says_for_how_long():
    """So that whoever looks can tell a run that does not end."""
    running, release, seen = Event(), Event(), []

    def run(entries):
        running.set()
        release.wait(600)
        return entries

    async def play():
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        threads = Threads(loop)
        batcher = Batcher(
            scheduler=Scheduler(BatchPolicy(max_batch_size=1)),
            run=run,
            finish=lambda *_: done.set(),
            expire=lambda _: None,
            loop=loop,
            threads=threads,
        )
        batcher.expect(1, SLOW)
        seen.append(batcher.longest_ns(now_ns=5))
        ask(batcher, "a")
        await asyncio.to_thread(running.wait, 600)
        seen.append(batcher.longest_ns(time.perf_counter_ns()) > 0)
        release.set()
        await done.wait()
        seen.append(batcher.longest_ns(now_ns=5))
        threads.close(wait=True)

    asyncio.run(play())
    assert seen == [0, True, 0]
