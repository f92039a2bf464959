"""Promise: messages that are read or held never exceed the room there is, and nobody hogs it."""

import asyncio

import pytest

from falaj.container.grpc.intake import Intake
from falaj.errors import CrowdedError, MalformedRequestError

LARGEST = 10


class Sender:
    """A message that comes when it is told to."""

    def __init__(self):
        self.asked, self._data = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def read(self):
        """Wait for it."""
        self.asked.set()
        return await self._data

    def send(self, size):
        """Let it come."""
        self._data.set_result(b"x" * size)


def play(story, **values):
    """Play a story on a loop of its own."""
    settings = {"capacity_bytes": 2 * LARGEST, "message_bytes": LARGEST, "patience_s": 0.2}

    async def played():
        await story(Intake(**(settings | values)))

    asyncio.run(played())


async def started(intake, count, who=""):
    """So many calls, each in a task of its own; those that have room are asked for."""
    senders = [Sender() for _ in range(count)]
    calls = [asyncio.ensure_future(intake.take(sender.read, who=who)) for sender in senders]
    for _ in range(3):
        await asyncio.sleep(0)
    return senders, calls


def test_room_for_the_largest_is_set_aside_and_the_rest_given_back():
    """Nobody knows a message's size before it is there."""

    async def story(intake):
        (sender,), (call,) = await started(intake, 1)
        assert intake.held_bytes == LARGEST
        sender.send(3)
        assert len(await call) == 3
        assert intake.held_bytes == 3
        intake.give(3)
        assert intake.held_bytes == 0

    play(story)


def test_who_has_no_room_waits_unread_in_the_order_of_coming():
    """What is not asked for stays with its sender."""

    async def story(intake):
        senders, calls = await started(intake, 4)
        assert [sender.asked.is_set() for sender in senders] == [True, True, False, False]
        senders[0].send(0)
        await calls[0]
        await senders[2].asked.wait()
        assert not senders[3].asked.is_set()
        assert intake.held_bytes <= 2 * LARGEST
        for sender in senders[1:]:
            sender.send(1)
        await asyncio.gather(*calls[1:])
        assert intake.held_bytes == 3

    play(story, patience_s=60)


def test_messages_that_are_held_take_room_from_those_that_come():
    """Sixteen bytes wait for their answers: there is no room for another ten."""

    async def story(intake):
        senders, calls = await started(intake, 2)
        for sender in senders:
            sender.send(8)
        await asyncio.gather(*calls)
        (late,), (call,) = await started(intake, 1)
        assert not late.asked.is_set()
        with pytest.raises(CrowdedError):
            await call
        intake.give(8)
        (late,), _ = await started(intake, 1)
        assert late.asked.is_set()

    play(story)


def test_who_stalls_loses_the_place_when_others_wait():
    """Half a message hurts nobody else: the longest sender is refused, the next is read."""

    async def story(intake):
        (stalled, other), calls = await started(intake, 2)
        (waiting,), (third,) = await started(intake, 1)
        with pytest.raises(CrowdedError):
            await calls[0]
        await waiting.asked.wait()
        waiting.send(1)
        assert await third == b"x"
        other.send(1)
        assert await calls[1] == b"x"
        assert stalled.asked.is_set()
        assert intake.held_bytes == 2

    play(story)


async def ended(*calls):
    """Hang up."""
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


def test_nobody_who_is_known_has_all_the_room():
    """Calls that send nothing keep their own caller waiting, and no other."""

    async def story(intake):
        silent, calls = await started(intake, 6, "a")
        assert [sender.asked.is_set() for sender in silent] == [True] * 3 + [False] * 3
        (other,), (call,) = await started(intake, 1, "b")
        assert other.asked.is_set()
        other.send(1)
        assert await call == b"x"
        await ended(*calls)
        assert intake.held_bytes == 1

    play(story, capacity_bytes=4 * LARGEST, patience_s=60)


def test_callers_take_turns():
    """Who has one message waiting comes before another's second, however many that one has."""

    async def story(intake):
        (first,), (done,) = await started(intake, 1, "a")
        (held,), held_calls = await started(intake, 1, "b")
        many, many_calls = await started(intake, 3, "c")
        (one,), one_calls = await started(intake, 1, "d")
        first.send(0)
        await done
        await many[0].asked.wait()
        held.send(0)
        await one.asked.wait()
        assert [sender.asked.is_set() for sender in many] == [True, False, False]
        await ended(*held_calls, *many_calls, *one_calls)
        assert intake.held_bytes == 0

    play(story, patience_s=60)


def test_who_reads_most_at_once_makes_room():
    """A slow sender is not let go for somebody else's stalled calls."""

    async def story(intake):
        _, (slow,) = await started(intake, 1, "slow")
        _, stalled = await started(intake, 3, "stalled")
        (waiting,), (call,) = await started(intake, 1, "waiting")
        await waiting.asked.wait()
        with pytest.raises(CrowdedError):
            await stalled[0]
        assert not slow.done()
        await ended(slow, call, *stalled)
        assert intake.held_bytes == 0

    play(story, capacity_bytes=4 * LARGEST)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_caller_who_hangs_up_leaves_no_room_taken(which):
    """While it is read, or while it waits: all is given back, and whoever waits comes next."""

    async def story(intake):
        senders, calls = await started(intake, 3)
        calls[which].cancel()
        with pytest.raises(asyncio.CancelledError):
            await calls[which]
        others = [number for number in range(3) if number != which]
        for number in others:
            await senders[number].asked.wait()
            senders[number].send(0)
        assert await asyncio.gather(*(calls[number] for number in others)) == [b"", b""]
        assert intake.held_bytes == 0

    play(story, patience_s=60)


def test_a_broken_message_gives_its_room_back():
    """Whatever reading it raises."""

    async def broken():
        raise MalformedRequestError("half a message")

    async def story(intake):
        with pytest.raises(MalformedRequestError):
            await intake.take(broken)
        assert intake.held_bytes == 0

    play(story)


def test_answers_that_are_not_read_take_room_and_their_callers_turn():
    """Three quarters are unread: their caller waits, others do not, and reading makes room."""
    large = b"x" * 100_000

    async def story(intake):
        reads = [asyncio.Event() for _ in range(3)]
        leaving = [
            asyncio.ensure_future(intake.hand_out(large, lambda _, e=event: e.wait(), who="a"))
            for event in reads
        ]
        await asyncio.sleep(0)
        assert intake.held_bytes == 300_000
        (sender,), (other,) = await started(intake, 1, who="b")
        sender.send(1)
        assert await other == b"x"
        with pytest.raises(CrowdedError):
            await intake.take(Sender().read, who="a")
        for event in reads:
            event.set()
        await asyncio.gather(*leaving)
        intake.give(1, who="b")
        assert intake.held_bytes == 0
        (sender,), (again,) = await started(intake, 1, who="a")
        sender.send(1)
        assert await again == b"x"

    play(story, capacity_bytes=400_000, message_bytes=100_000)


def test_small_answers_are_left_to_grpc():
    """They hold nothing, and a caller who does not read them holds no call open either."""

    async def story(intake):
        await intake.hand_out(b"x", lambda _: asyncio.Event().wait(), who="a")
        assert intake.held_bytes == 0

    play(story, patience_s=0.01)
