"""Promise: a stream's requests run together, are answered in order, and are held within bounds."""

import asyncio

import grpc
import pytest

from falaj.container.grpc.streams import Stream, StreamLimits, Streams, Turns
from falaj.errors import CrowdedError, DrainingError, ForbiddenError

SMALL = StreamLimits(requests=3, held_bytes=100)


class Caller:
    """Sends messages, and reads answers only when told to."""

    def __init__(self, *messages, ends=True, reads=True):
        self.unsent = [*messages]
        self.read_by_server, self.answers = [], []
        self._ends, self.reads = ends, asyncio.Event()
        if reads:
            self.reads.set()

    async def read(self):
        """What the server reads."""
        if self.unsent:
            self.read_by_server.append(self.unsent[0])
            return self.unsent.pop(0)
        if self._ends:
            return grpc.aio.EOF
        return await asyncio.Event().wait()

    async def write(self, answer):
        """What the server writes."""
        await self.reads.wait()
        self.answers.append(answer)


class Model:
    """Answers when it is told to."""

    def __init__(self):
        self.begun = {}

    async def begin(self, data):
        """Begin a request."""
        self.begun[data] = asyncio.get_running_loop().create_future()
        return self.begun[data]

    def answer(self, *all_of):
        """Answer requests with what they were."""
        for data in all_of:
            self.begun[data].set_result(data)


async def settled():
    """Let everything happen that can."""
    for _ in range(50):
        await asyncio.sleep(0)


def served(act, *messages, limits=SMALL, **how):
    """Serve a stream while something is done; return the caller and what the stream ended with."""

    async def run():
        caller, model = Caller(*messages, **how), Model()
        stream = Stream(caller, model.begin, limits)
        serving = asyncio.ensure_future(stream.serve())
        await settled()
        await act(caller, model, stream, serving)
        (end,) = await asyncio.gather(serving, return_exceptions=True)
        return caller, model, end

    return asyncio.run(run())


def test_answers_keep_the_order_of_requests():
    """Whatever is computed first waits for those before it."""
    seen = []

    async def act(caller, model, _, __):
        model.answer(b"c", b"b")
        await settled()
        seen.extend(caller.answers)
        model.answer(b"a")

    caller, _, end = served(act, b"a", b"b", b"c")
    assert (seen, caller.answers, end) == ([], [b"a", b"b", b"c"], None)


def test_no_more_is_read_than_may_be_under_way():
    """Three at a time; an answer that was sent lets the next one in."""
    counts = []

    async def act(caller, model, *_):
        counts.append(len(caller.read_by_server))
        model.answer(b"a")
        await settled()
        counts.append(len(caller.read_by_server))
        model.answer(b"b", b"c", b"d")
        await settled()
        model.answer(b"e")

    caller, _, end = served(act, b"a", b"b", b"c", b"d", b"e")
    assert counts == [3, 4]
    assert (caller.answers, end) == ([b"a", b"b", b"c", b"d", b"e"], None)


def test_large_requests_are_read_one_at_a_time():
    """Bytes count as well, from reading to the answer's leaving, and those to be expected."""
    counts = []

    async def act(caller, model, *_):
        for data in (b"a" * 60, b"b" * 60, b"c" * 60):
            counts.append(len(caller.read_by_server))
            model.answer(data)
            await settled()

    caller, _, end = served(act, b"a" * 60, b"b" * 60, b"c" * 60)
    assert counts == [2, 2, 3]
    assert (len(caller.answers), end) == (3, None)


def test_few_are_read_before_it_is_known_how_large_answers_are():
    """A small request may have a large answer, which nobody is to hold sixty times."""
    counts = []

    async def act(caller, model, *_):
        counts.append(len(caller.read_by_server))
        model.answer(b"a")
        await settled()
        counts.append(len(caller.read_by_server))
        model.answer(*(data for data in model.begun if data != b"a"))

    limits = StreamLimits(requests=5, unknown=2, held_bytes=100)
    served(act, b"a", b"b", b"c", b"d", b"e", b"f", limits=limits)
    assert counts == [2, 6]


def test_who_does_not_read_is_read_no_further():
    """His answers wait with the server, and count, until he takes them."""

    async def act(caller, model, *_):
        model.answer(b"a", b"b", b"c")
        await settled()
        assert caller.read_by_server == [b"a", b"b", b"c"]
        caller.reads.set()
        await settled()
        model.answer(b"d")

    caller, _, end = served(act, b"a", b"b", b"c", b"d", reads=False)
    assert (caller.answers, end) == ([b"a", b"b", b"c", b"d"], None)


def test_a_stream_that_is_ended_answers_what_it_has_read():
    """A replica that goes away loses nothing, and an idle stream does not keep it."""
    ending = DrainingError()

    async def act(_, model, stream, __):
        stream.end(ending)
        await settled()
        model.answer(b"a", b"b")

    caller, _, end = served(act, b"a", b"b", ends=False)
    assert (caller.answers, end) == ([b"a", b"b"], ending)


def test_a_request_that_ends_the_stream_ends_it_in_its_turn():
    """Those before it have their answers, and those after it are given up."""
    error = ForbiddenError("not yours")

    async def act(_, model, *__):
        model.begun[b"b"].set_exception(error)
        await settled()
        model.answer(b"a")

    caller, model, end = served(act, b"a", b"b", b"c", ends=False)
    assert (caller.answers, end) == ([b"a"], error)
    assert model.begun[b"c"].cancelled()


def test_a_caller_who_leaves_is_computed_for_no_longer():
    """Every request of the stream is given up."""

    async def act(_, __, ___, serving):
        serving.cancel()

    _, model, end = served(act, b"a", b"b", ends=False)
    assert isinstance(end, asyncio.CancelledError)
    assert [answer.cancelled() for answer in model.begun.values()] == [True, True]


def test_a_request_that_cannot_begin_ends_the_stream():
    """An unknown fault is told, and not waited out."""

    class Broken(Model):
        async def begin(self, data):
            raise RuntimeError(data)

    async def run():
        await Stream(Caller(b"a", ends=False), Broken().begin).serve()

    with pytest.raises(RuntimeError):
        asyncio.run(run())


def test_nobody_has_all_streams_and_none_is_opened_while_draining():
    """Of four one caller gets three; whoever ends one makes room."""
    streams, got = Streams(4), []

    def opened(who):
        held = streams.opened(Stream(None, None), who)
        try:
            held.__enter__()
        except (CrowdedError, DrainingError) as error:
            got.append(error.code)
            return None
        got.append("in")
        return held

    held = [opened(who) for who in "aaaabb"]
    held[0].__exit__(None, None, None)
    opened("b")
    streams.drain()
    opened("c")
    assert got == ["in"] * 3 + ["crowded", "in", "crowded", "in", "draining"]


def test_requests_of_one_sequence_wait_for_each_other_alone():
    """The second of a sequence begins when the first is over; others at once."""

    async def run():
        turns, begun, over = Turns(), [], {}

        async def request(name, key):
            async with turns.turn(key):
                begun.append(name)
                await over.setdefault(name, asyncio.Event()).wait()

        work = [
            asyncio.ensure_future(request(name, key))
            for name, key in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("x", None), ("a3", "a"))
        ]
        await settled()
        seen = [[*begun]]
        for name in ("a1", "a2"):
            over[name].set()
            await settled()
            seen.append([*begun])
        for each in work:
            each.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        return seen, turns._last

    seen, left = asyncio.run(run())
    first = ["a1", "b1", "x"]
    assert seen == [first, [*first, "a2"], [*first, "a2", "a3"]]
    assert left == {}
