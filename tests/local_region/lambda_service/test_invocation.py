# ruff: noqa: ASYNC110 - waits for what another process or thread does
"""A handler runs as on Lambda, and whatever it does, the caller gets Lambda's answer."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local_region.lambda_service import InvokeResult, Limits
from local_region.lambda_service.refusals import (
    InvalidRequestContentError,
    RequestTooLargeError,
    TooManyRequestsError,
)

UUID = "[0-9a-f-]{36}"


def invoke(lab, source, payload=b"{}", **settings) -> InvokeResult:
    """Create a function, invoke it once."""

    async def act(service):
        service.create_function(lab.settings(source, **settings))
        return await service.invoke("f", None, payload)

    return lab.run(act)


def test_event_and_context_reach_the_handler(lab):
    """A handler sees the event, its ARN, its version and its deadline."""
    source = """
def handler(event, context):
    return {
        "event": event,
        "arn": context.invoked_function_arn,
        "version": context.function_version,
        "memory": context.memory_limit_in_mb,
        "left": context.get_remaining_time_in_millis() <= 30_000,
    }
"""
    result = invoke(lab, source, b'{"greeting": "\xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7"}')
    assert json.loads(result.payload) == {
        "event": {"greeting": "مرحبا"},
        "arn": "arn:aws:lambda:me-central-1:000000000000:function:f",
        "version": "$LATEST",
        "memory": "128",
        "left": True,
    }


def test_empty_payload_is_an_empty_object(lab):
    """An invocation without payload gives the handler an empty dict."""
    assert (
        invoke(lab, "def handler(event, context):\n    return event == {}\n", b"").payload
        == b"true"
    )


def test_module_state_survives_between_requests(lab):
    """The second request is warm: it meets what the first left behind."""
    source = "count = 0\ndef handler(e, c):\n    global count\n    count += 1\n    return count\n"

    async def act(service):
        service.create_function(lab.settings(source))
        return [await service.invoke("f", None, b"{}") for _ in range(2)]

    first, second = lab.run(act)
    assert (first.payload, first.cold_start, second.payload, second.cold_start) == (
        b"1",
        True,
        b"2",
        False,
    )


def test_log_reads_as_on_lambda(lab):
    """START, the handler's lines, END and REPORT with Init Duration on the cold start."""
    result = invoke(lab, "def handler(e, c):\n    print('hello')\n")
    pattern = (
        rf"START RequestId: {UUID} Version: \$LATEST\nhello\nEND RequestId: {UUID}\n"
        rf"REPORT RequestId: {UUID}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t\n"
    )
    assert re.fullmatch(pattern, result.log_tail)


def test_long_log_lines_are_not_lost(lab):
    """A megabyte of output arrives whole, in pieces CloudWatch could take."""
    invoke(lab, "def handler(e, c):\n    print('x' * 1_000_000)\n")
    assert sum(line.text.count("x") for line in lab.lines if set(line.text) == {"x"}) == 1_000_000


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("def handler(e, c):\n    raise ValueError('bad')\n", "ValueError", "bad"),
        (
            "import nowhere\n",
            "Runtime.ImportModuleError",
            "Unable to import module 'handler': No module named 'nowhere'",
        ),
        ("x = 1\n", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'handler'"),
        (
            "import sys\ndef handler(e, c):\n    sys.exit(0)\n",
            "Runtime.ExitError",
            f"RequestId: {UUID} Error: Runtime exited without providing a reason",
        ),
        (
            "import sys\ndef handler(e, c):\n    sys.exit(3)\n",
            "Runtime.ExitError",
            f"RequestId: {UUID} Error: Runtime exited with error: exit status 3",
        ),
        (
            "import os\ndef handler(e, c):\n    os.abort()\n",
            "Runtime.ExitError",
            f"RequestId: {UUID} Error: Runtime exited with error: signal: aborted",
        ),
        (
            "import sys\nsys.exit(2)\n",
            "Runtime.ExitError",
            f"RequestId: {UUID} Error: Runtime exited with error: exit status 2",
        ),
        (
            "import time\ndef handler(e, c):\n    time.sleep(60)\n",
            "Sandbox.Timedout",
            f"RequestId: {UUID} Error: Task timed out after 1.00 seconds",
        ),
        (
            "import time\ndef handler(e, c):\n    x = bytearray(300 << 20)\n    time.sleep(60)\n",
            "Runtime.ExitError",
            f"RequestId: {UUID} Error: Runtime exited with error: signal: killed",
        ),
        (
            "def handler(e, c):\n    x = bytearray(300 << 20)\n    return 1\n",
            "Runtime.ExitError",
            f"RequestId: {UUID} Error: Runtime exited with error: signal: killed",
        ),
        (
            "def handler(e, c):\n    return 'x' * (6 * 1024 * 1024 + 99)\n",
            "Function.ResponseSizeTooLarge",
            r"Response payload size exceeded maximum allowed payload size \(6291556 bytes\).",
        ),
    ],
    ids=[
        "raises",
        "import error",
        "no handler",
        "exit 0",
        "exit 3",
        "abort",
        "exit in init",
        "timeout",
        "memory held",
        "memory passing",
        "response too large",
    ],
)
def test_failure_is_answered_as_lambda_answers_it(lab, source, kind, message):
    """Each way a function can fail has Lambda's payload, word for word."""
    # Only what shall time out gets little time: memory is taken, and noticed, at its own pace.
    result = invoke(lab, source, timeout_s=1 if kind == "Sandbox.Timedout" else 60)
    payload = json.loads(result.payload)
    assert (result.status_code, result.function_error, payload["errorType"]) == (
        200,
        "Unhandled",
        kind,
    )
    assert re.fullmatch(message, payload["errorMessage"])


def test_largest_response_passes(lab):
    """Six megabytes and a hundred bytes, quotes included, are still an answer."""
    result = invoke(
        lab, "def handler(e, c):\n    return 'x' * (6 * 1024 * 1024 + 98)\n", timeout_s=60
    )
    assert (result.function_error, len(result.payload)) == (None, 6 * 1024 * 1024 + 100)


def test_children_count_as_memory(lab):
    """A child process that hoards memory takes the environment down."""
    source = """
import subprocess, sys
def handler(e, c):
    hoard = "x = bytearray(300 << 20); import time; time.sleep(60)"
    return subprocess.run([sys.executable, "-c", hoard]).returncode
"""
    result = invoke(lab, source, timeout_s=60)
    assert json.loads(result.payload)["errorMessage"].endswith("signal: killed")


def test_init_beyond_its_limit_is_run_again(lab):
    """A slow import is cut off, then run again under the function's own timeout."""
    lab.limits = Limits(init_phase_s=0.3)
    source = "import time\ntime.sleep(0.6)\ndef handler(e, c):\n    return 1\n"
    result = invoke(lab, source, timeout_s=60)
    phases = [line.text for line in lab.lines if line.text.startswith("INIT_REPORT")]
    assert result.payload == b"1"
    assert [line.split("\t", 1)[1] for line in phases] == ["Phase: init\tStatus: timeout"]


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="nobody counts it here")
def test_time_in_line_for_a_processor_is_not_the_functions(lab):
    """What needs a second, of the three it may take, is answered however busy the machine is."""
    hog = "import os; os.sched_setaffinity(0, {0}); print(flush=True)\nwhile True: pass"
    source = (
        "import os, time\n"
        "def handler(e, c):\n"
        "    os.sched_setaffinity(0, {0})\n"
        "    end = time.process_time() + 1\n"
        "    while time.process_time() < end: pass\n"
        "    return 1\n"
    )
    hogs = [
        subprocess.Popen(
            [sys.executable, "-c", hog], stdout=subprocess.PIPE, start_new_session=True
        )
        for _ in range(3)
    ]
    try:
        for each in hogs:
            each.stdout.readline()
        result = invoke(lab, source, timeout_s=3)
    finally:
        for each in hogs:
            each.kill()
            each.communicate()

    assert (result.payload, result.function_error) == (b"1", None)


@pytest.mark.parametrize(
    ("payload", "refusal"),
    [(b"{", InvalidRequestContentError), (b'"' + b"x" * 6_291_455 + b'"', RequestTooLargeError)],
)
def test_bad_payload_is_refused_before_anything_runs(lab, payload, refusal):
    """Not JSON, or over 6 MB: no environment starts."""
    with pytest.raises(refusal):
        invoke(lab, "def handler(e, c):\n    return 1\n", payload)
    assert lab.lines == []


def test_sys_path_is_lambdas(lab):
    """Code comes before layers, a later layer before an earlier, the runtime before the library."""
    source = "import sys, who\ndef handler(e, c):\n    return [who.name, sys.path]\n"
    layers = []
    for name in ("first", "second"):
        layer = lab.folder / name / "python"
        layer.mkdir(parents=True)
        (layer / "who.py").write_text(f"name = {name!r}\n")
        layers.append(layer.parent)
    who, path = json.loads(invoke(lab, source, layers=tuple(layers)).payload)
    kinds = [re.search(r"(/code/|/opt/|/runtime-|/lib/python3)", entry)[1] for entry in path]
    assert who == "second"
    assert [kind for kind, after in zip(kinds, [*kinds[1:], ""], strict=True) if kind != after] == [
        "/code/",
        "/opt/",
        "/runtime-",
        "/lib/python3",
    ]


def test_nothing_of_this_program_is_importable(lab):
    """A handler that forgot to package a library fails here as it would on Lambda."""
    result = invoke(lab, "import fastapi\ndef handler(e, c):\n    return 1\n")
    assert json.loads(result.payload)["errorType"] == "Runtime.ImportModuleError"


def test_killed_process_loses_one_request(lab):
    """Killing a busy process fails its request; the others, and the next ones, are answered."""
    source = "import time\ndef handler(event, c):\n    time.sleep(event)\n    return event\n"

    async def act(service):
        service.create_function(lab.settings(source, timeout_s=60))
        slow = asyncio.create_task(service.invoke("f", None, b"50"))
        while not any("START" in line.text for line in lab.lines):
            await asyncio.sleep(0.01)
        victim = service.environments("f")[0].pid
        others = [asyncio.create_task(service.invoke("f", None, b"0.3")) for _ in range(3)]
        await asyncio.sleep(0.1)
        os.kill(victim, signal.SIGKILL)
        after = [await service.invoke("f", None, b"0") for _ in range(3)]
        return await slow, await asyncio.gather(*others), after

    lost, others, after = lab.run(act)
    assert json.loads(lost.payload)["errorMessage"].endswith("signal: killed")
    assert [result.function_error for result in (*others, *after)] == [None] * 6


def test_idle_process_that_died_costs_nobody(lab):
    """A request never meets an environment whose process is gone."""

    async def act(service):
        service.create_function(lab.settings())
        await service.invoke("f", None, b"1")
        (idle,) = service.environments("f")
        os.kill(idle.pid, signal.SIGKILL)
        while idle.is_waiting:
            await asyncio.sleep(0.005)
        return await service.invoke("f", None, b"2")

    result = lab.run(act)
    assert (result.payload, result.cold_start) == (b"2", True)


def test_ten_thousand_requests_at_sixteen_lose_none(lab):
    """Every answer belongs to its request, from sixteen environments at most."""

    async def act(service):
        service.create_function(lab.settings())
        numbers = iter(range(10_000))
        answers = []

        async def client():
            for number in numbers:
                result = await service.invoke("f", None, b"%d" % number)
                answers.append((number, result.payload))

        await asyncio.gather(*(client() for _ in range(16)))
        return answers, len(service.environments("f"))

    answers, environments = lab.run(act)
    assert sorted(answers) == [(number, b"%d" % number) for number in range(10_000)]
    assert environments <= 16


def test_close_leaves_nothing_behind(lab):
    """No process, descriptor or folder outlives the service, a request under way included."""
    me = psutil.Process()
    source = "import subprocess, time\ndef handler(e, c):\n    subprocess.run(['sleep', '60'])\n"

    async def whole():
        async with lab.running() as service:
            service.create_function(lab.settings(source, timeout_s=60))
            service.create_function(lab.settings(name="g"))
            await service.invoke("g", None, b"1")
            under_way = asyncio.create_task(service.invoke("f", None, b"1"))
            while not any("START" in line.text and line.function == "f" for line in lab.lines):
                await asyncio.sleep(0.01)
        return await under_way

    asyncio.run(whole())
    lab.lines.clear()
    before = me.children(recursive=True), me.num_fds()
    lost = asyncio.run(whole())
    assert lost.function_error == "Unhandled"
    assert (me.children(recursive=True), me.num_fds()) == before
    assert list((lab.folder / "state" / "tmp").iterdir()) == []


def test_reserved_concurrency_throttles_the_next(lab):
    """With one environment reserved and busy, AWS's 429 with its reason."""
    source = "import time\ndef handler(e, c):\n    time.sleep(1)\n"

    async def act(service):
        service.create_function(lab.settings(source, reserved_concurrency=1))
        first = asyncio.create_task(service.invoke("f", None, b"1"))
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequestsError) as refused:
            await service.invoke("f", None, b"2")
        return refused.value.reason, (await first).function_error

    assert lab.run(act) == ("ReservedFunctionConcurrentInvocationLimitExceeded", None)


def test_account_concurrency_throttles_the_next(lab):
    """Functions without a reservation share what the account has left."""
    lab.limits = Limits(account_concurrency=1)
    source = "import time\ndef handler(e, c):\n    time.sleep(1)\n"

    async def act(service):
        service.create_function(lab.settings(source))
        service.create_function(lab.settings(name="g"))
        first = asyncio.create_task(service.invoke("f", None, b"1"))
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequestsError) as refused:
            await service.invoke("g", None, b"2")
        await first
        return refused.value.reason

    assert lab.run(act) == "ConcurrentInvocationLimitExceeded"


def test_idle_environment_is_reaped_by_the_clock(lab):
    """After the keep-alive time, and not before, the next request is cold."""

    async def act(service):
        service.create_function(lab.settings())
        cold = []
        for seconds in (0, 299, 301):
            lab.clock.advance(seconds)
            service.tick()
            cold.append((await service.invoke("f", None, b"1")).cold_start)
        return cold

    assert lab.run(act) == [True, False, True]


def test_new_code_is_served_by_new_environments(lab):
    """Updating code retires warm environments; published versions keep theirs."""

    async def act(service):
        service.create_function(lab.settings("def handler(e, c):\n    return 'old'\n"))
        service.publish_version("f")
        await service.invoke("f", None, b"1")
        service.update_function_code("f", lab.code("def handler(e, c):\n    return 'new'\n"))
        return [(await service.invoke("f", which, b"1")).payload for which in (None, "1")]

    assert lab.run(act) == [b'"new"', b'"old"']


def test_provisioned_environment_is_never_cold(lab):
    """Provisioned concurrency starts ahead; what exceeds it starts on demand."""
    source = """
import os, time
def handler(e, c):
    time.sleep(0.3)
    return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
"""

    async def act(service):
        service.create_function(lab.settings(source))
        service.publish_version("f", provisioned=1)
        view = await service.ready("f", "1")
        results = await asyncio.gather(*(service.invoke("f", "1", b"1") for _ in range(2)))
        return view.status, sorted((result.payload, result.cold_start) for result in results)

    assert lab.run(act) == (
        "READY",
        [(b'"on-demand"', True), (b'"provisioned-concurrency"', False)],
    )


def test_provisioned_environment_that_cannot_start_says_so(lab):
    """A broken import shows as FAILED with AWS's reason."""

    async def act(service):
        service.create_function(lab.settings("import nowhere\n"))
        service.publish_version("f", provisioned=1)
        return await service.ready("f", "1")

    view = lab.run(act)
    assert (view.status, view.status_reason) == ("FAILED", "FUNCTION_ERROR_INIT_FAILURE")


def test_close_during_cold_starts_answers_everyone(lab):
    """Requests whose process is being started when the service closes end as crashed."""

    async def whole():
        async with lab.running() as service:
            service.create_function(lab.settings())
            service.publish_version("f", provisioned=2)
            waiting = [asyncio.create_task(service.invoke("f", None, b"1")) for _ in range(4)]
            await asyncio.sleep(0.005)
        return await asyncio.gather(*waiting)

    before = psutil.Process().children(recursive=True)
    results = asyncio.run(whole())
    assert {result.function_error for result in results} <= {None, "Unhandled"}
    assert psutil.Process().children(recursive=True) == before
