"""What a refused request costs the function's own code, beside an answered one: no sockets.

    python -m benchmarks.tenants.own

An event of an HTTP API through the handler's second look, with the tenant's bucket full as the
environment remembers it. The handler behind answers at once: what is compared is what stands before
it. Then a container's count of the same tenant, from memory and, as for whoever is not known to be
over its quota, through a thread. Least of many short repetitions, in microseconds of this process.
"""

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, NamedTuple

from falaj.aws.quota_table import QuotaTable
from falaj.config.access import AccessSettings
from falaj.container.turns import Turns
from falaj.domain.access import AccessMode, ModelAccess
from falaj.domain.clock import SystemClock
from falaj.domain.quota import Limits, Places
from falaj.entrypoints.guarded import GuardedHandler
from falaj.errors import QuotaExceededError

REPEATS, ROUNDS = 200, 200
CLOCK = SystemClock()


class Said(NamedTuple):
    """What a table that admits everybody says."""

    status: int
    body: bytes


def event(tenant: str) -> dict[str, Any]:
    """Return what an HTTP API hands on."""
    claims = {
        "tenant": tenant,
        "sub": f"user-{tenant}",
        "scope": "model:m:invoke",
        "exp": str(int(time.time()) + 3600),
    }
    return {
        "version": "2.0",
        "rawPath": "/v2/models/m/infer",
        "headers": {"content-type": "application/json", "authorization": "Bearer x" * 80},
        "requestContext": {
            "stage": "$default",
            "requestId": "r",
            "http": {"method": "POST", "path": "/v2/models/m/infer"},
            "authorizer": {"jwt": {"claims": claims, "scopes": ["model:m:invoke"]}},
        },
        "body": json.dumps({"inputs": []}),
        "isBase64Encoded": False,
    }


class Admission:
    """The table's own admission, for one tenant that floods and one that does not."""

    def __init__(self) -> None:
        def post(*_: object, **__: object) -> Said:
            due = int(time.time() * 1_000_000) + 60_000_000
            full = {"__type": "ConditionalCheckFailedException", "Item": {"due": {"N": str(due)}}}
            return Said(400, json.dumps(full).encode())

        self._table = QuotaTable(post, lambda: "t", CLOCK)
        self._limits = Limits(rate_per_s=5, burst=5)

    def refusal(self, tenant: str) -> QuotaExceededError | None:
        """Say what is remembered."""
        return self._table.refusal(tenant, self._limits)

    def __call__(self, tenant: str) -> AbstractContextManager[None]:
        """Refuse `acme`, whose bucket is full."""
        if tenant == "acme":
            self._table.take(tenant, self._limits)
        return nullcontext()


class Count:
    """A container's count of a tenant whose bucket is full.

    Args:
        remembers: Whether memory may refuse at once.
    """

    def __init__(self, *, remembers: bool) -> None:
        self._admission, self._remembers = Admission(), remembers
        self.take("acme")

    def refusal(self, tenant: str) -> QuotaExceededError | None:
        """Refuse from memory."""
        return self._admission.refusal(tenant) if self._remembers else None

    def take(self, tenant: str, wanted: int = 1) -> Places:
        """Refuse, through the table."""
        del wanted
        try:
            self._admission(tenant)
        except QuotaExceededError as error:
            return Places((), error)
        return Places(("",))

    def give_back(self, held: str, count: int = 1) -> None:
        """Nothing is held."""


async def container_us(*, remembers: bool) -> float:
    """Return the least microseconds of a refusal in a container, over many short rounds."""
    found = []
    with ThreadPoolExecutor(8) as pool:
        turns = Turns(Count(remembers=remembers), pool)
        for _ in range(ROUNDS):
            began = time.process_time_ns()
            for _ in range(REPEATS):
                with suppress(QuotaExceededError):
                    await turns.take("acme")
            found.append((time.process_time_ns() - began) / REPEATS / 1000)
    return min(found)


def least_us(work: Callable[[], object]) -> float:
    """Return the least microseconds of one call, over many short rounds."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time_ns()
        for _ in range(REPEATS):
            work()
        found.append((time.process_time_ns() - began) / REPEATS / 1000)
    return min(found)


def main() -> None:
    """Print both."""
    settings = AccessSettings(
        mode=AccessMode.JWT, models={"m": ModelAccess(model="m", invoke=("model:m:invoke",))}
    )
    answer = {"statusCode": 200, "headers": {}, "body": "{}", "isBase64Encoded": False}
    handler = GuardedHandler(lambda *_: answer, settings, admit=Admission(), write=len)
    statuses = {name: handler(event(name))["statusCode"] for name in ("acme", "globex")}
    for name, sent in ((name, event(name)) for name in statuses):
        print(f"{name}: {statuses[name]}, {least_us(lambda e=sent: handler(e)):.1f} µs")
    for how, remembers in (("from memory", True), ("through a thread", False)):
        least = asyncio.run(container_us(remembers=remembers))
        print(f"a container refuses {how}: {least:.1f} µs")


if __name__ == "__main__":
    main()
