"""Regions over assemblies written by hand; each test file opens its own account."""

import asyncio
import itertools
import json
import pprint
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from concurrent.futures import Future
from pathlib import Path

import pytest
import uvloop

_ACCOUNTS = itertools.count(1)
ROOT = Path(__file__).parents[2]
OPENING_S = 900
"""A region of many processes opens in half a minute, and on a crowded machine in many."""


class Running:
    """A region on an event loop of its own thread, as another program would see it."""

    def __init__(self, cdk_out, **settings):
        from local_region.region import Region  # moto takes seconds; not every test here needs it

        self.events, self.faults = [], []
        self.loop = uvloop.new_event_loop()
        self.loop.set_exception_handler(self._fault)
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        settings = {"account": f"{next(_ACCOUNTS):012d}", "api_port": 0, "aws_port": 0} | settings
        try:
            self.region = self.run(
                Region.open(
                    cdk_out,
                    progress=self.events.append,
                    build_folder=ROOT / ".build" / "host",
                    **settings,
                ),
                within_s=OPENING_S,
            )
        except BaseException:
            self._stop()
            raise

    def _fault(self, loop, context):
        self.faults.append(context)
        loop.default_exception_handler(context)

    def told(self, lines=60):
        """Say what the region knows of itself, for a test that waited in vain."""
        region, aws = self.region, self.region.backends
        parameters = aws.client("ssm").get_paginator("describe_parameters").paginate()
        said = {
            "faults of its own": self.faults,
            "parameters": [p["Name"] for page in parameters for p in page["Parameters"]],
            "tables": {
                name: aws.client("dynamodb").scan(TableName=name)["Items"]
                for name in aws.client("dynamodb").list_tables()["TableNames"]
            },
            "due next": self.call(region.control.next_due),
            "events": self.events[-lines:],
        }
        return "\n".join(f"{name}: {pprint.pformat(value)}" for name, value in said.items())

    def run(self, work, *, within_s=120):
        """Run a coroutine on the region's loop."""
        future: Future = asyncio.run_coroutine_threadsafe(work, self.loop)
        return future.result(within_s)

    def call(self, function, *args, **kwargs):
        """Call a function on the region's loop."""

        async def called():
            return function(*args, **kwargs)

        return self.run(called())

    def close(self):
        """Close the region and its loop."""
        self.run(self.region.close())
        self._stop()

    def _stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    def request(self, path, *, body=None, headers=None, method=None):
        """Ask the API; return status, headers and body."""
        asked = urllib.request.Request(  # noqa: S310 - our own address
            self.region.api_url + path, data=body, headers=headers or {}, method=method
        )
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
                return answer.status, dict(answer.headers.items()), answer.read()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, dict(refusal.headers.items()), refusal.read()

    def json(self, path, **asked):
        """Ask the API; return the JSON of its answer."""
        return json.loads(self.request(path, **asked)[2])


@pytest.fixture(scope="module")
def open_region():
    """Open regions that are closed when the module's tests are done."""
    opened = []

    def open_one(cdk_out, **settings):
        running = Running(cdk_out, **settings)
        opened.append(running)
        return running

    yield open_one
    for running in reversed(opened):
        running.close()


@pytest.fixture(scope="session")
def synthesized(made_once):
    """Synthesize the real application for this machine; return the folder by profile."""

    def synthesize(profile):
        def make(folder):
            subprocess.run(
                [
                    *(sys.executable, "app.py", "--output", str(folder / "out")),
                    *("-c", f"falaj:profile={profile}", "-c", "falaj:access=open"),
                ],
                cwd=ROOT,
                check=True,
                capture_output=True,
            )

        return made_once(f"application-{profile}", make) / "out"

    return synthesize


@pytest.fixture(scope="session")
def region(synthesized):
    """The real application in the `smb` profile: an HTTP API."""
    running = Running(synthesized("smb"), seed=7)
    yield running
    running.close()


@pytest.fixture(scope="session")
def enterprise_region(synthesized):
    """The real application in the `enterprise` profile: a REST API."""
    running = Running(synthesized("enterprise"), seed=7)
    yield running
    running.close()
