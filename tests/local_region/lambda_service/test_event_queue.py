"""Asynchronous invocations are retried as on AWS, by the clock, and end in the dead letters."""

import asyncio

from local_region.lambda_service import EventInvokeConfig

FAILING = "def handler(e, c):\n    raise ValueError('no')\n"


async def pass_time(service, lab, seconds):
    """Let the clock run and finish what that makes due."""
    lab.clock.advance(seconds)
    service.tick()
    await service.drain()


def attempts(lab):
    """Count the invocations that started."""
    return sum(line.text.startswith("START") for line in lab.lines)


def test_failing_event_is_tried_three_times(lab):
    """One minute, then two, and no attempt before its time; then the event is handed over."""

    async def act(service):
        service.create_function(lab.settings(FAILING))
        accepted = await service.invoke("f", None, b'{"n": 1}', invocation_type="Event")
        await service.drain()
        counts = [attempts(lab)]
        for seconds in (59, 1, 119, 1):
            await pass_time(service, lab, seconds)
            counts.append(attempts(lab))
        return accepted.status_code, counts

    assert lab.run(act) == (202, [1, 1, 2, 2, 3])
    (failure,) = lab.failures
    assert (failure.condition, failure.attempts, failure.payload) == (
        "RetriesExhausted",
        3,
        b'{"n": 1}',
    )


def test_event_that_works_is_not_repeated(lab):
    """A processed event leaves nothing behind."""

    async def act(service):
        service.create_function(lab.settings())
        await service.invoke("f", None, b"1", invocation_type="Event")
        await service.drain()
        await pass_time(service, lab, 3600)
        return attempts(lab)

    assert (lab.run(act), lab.failures) == (1, [])


def test_retries_can_be_configured(lab):
    """Without retries the first failure is the last."""

    async def act(service):
        service.create_function(lab.settings(FAILING))
        service.put_event_invoke_config("f", None, EventInvokeConfig(maximum_retry_attempts=0))
        await service.invoke("f", None, b"1", invocation_type="Event")
        await service.drain()

    lab.run(act)
    assert [failure.attempts for failure in lab.failures] == [1]


def test_throttled_event_waits_until_it_is_too_old(lab):
    """A function without concurrency keeps its events for six hours, then gives them up."""

    async def act(service):
        service.create_function(lab.settings(reserved_concurrency=0))
        await service.invoke("f", None, b"1", invocation_type="Event")
        await service.drain()
        for _ in range(80):
            await pass_time(service, lab, 300)
            await asyncio.sleep(0)

    lab.run(act)
    assert [(failure.condition, failure.attempts) for failure in lab.failures] == [
        ("EventAgeExceeded", 0)
    ]


def test_throttled_event_is_processed_when_concurrency_returns(lab):
    """Raising the reservation lets the queue drain."""

    async def act(service):
        service.create_function(lab.settings(reserved_concurrency=0))
        await service.invoke("f", None, b"1", invocation_type="Event")
        await service.drain()
        service.put_function_concurrency("f", 1)
        await pass_time(service, lab, 1)
        return attempts(lab)

    assert (lab.run(act), lab.failures) == (1, [])
