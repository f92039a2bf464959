"""What a container knows of tenants: their priorities and, for auditors, their keys.

Both lie in SSM. They are read while the container starts and again now and then, in threads that no
request waits for; while SSM is dark, what was known stays. boto3 finds and renews the credentials
of a task; it is imported only where there is anything to read.
"""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from falaj.capture.recording import Recording
from falaj.config.calls import CallSettings
from falaj.container.auditing import Auditing
from falaj.container.ranks import Ranks
from falaj.contract import QUOTAS_PARAMETER, SHED_PARAMETER
from falaj.domain.clock import Clock
from falaj.errors import DependencyError

if TYPE_CHECKING:
    from falaj.aws.tenant_limits import TenantLimits
    from falaj.capture.recording import Keys


class Around(Protocol):
    """What an environment says of tenants.

    Attributes:
        release: What answers.
        capture: Path of the parameters that hold tenants' keys; empty where nobody records.
        has_ranks: Whether tenants have priorities.
    """

    @property
    def release(self) -> str:
        """What answers."""
        ...

    @property
    def capture(self) -> str:
        """Path of tenants' keys."""
        ...

    @property
    def has_ranks(self) -> bool:
        """Whether tenants have priorities."""
        ...


class Tenants:
    """What is known of them; nothing where the environment asks for nothing.

    Args:
        settings: The process's environment.
        model: What it serves; empty where it serves several.
        clock: Tells when something is old.
        write: Takes lines for the log.

    Attributes:
        ranks: Who leaves a full queue first; None where tenants have no priorities.
        auditing: Leaves a line of each request for auditors; None where nobody records.
    """

    def __init__(
        self,
        settings: Around,
        model: str,
        *,
        clock: Clock,
        write: Callable[[str], object],
    ) -> None:
        self._write = write
        self._limits = _limits(clock) if settings.has_ranks else None
        self.ranks = Ranks(self._limits) if self._limits else None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="falaj-tenants")
        self._looking: asyncio.Future[None] | None = None
        self._read()
        self.auditing = (
            Auditing(
                Recording(_keys(settings.capture, clock)),
                write,
                clock=clock,
                release=settings.release,
                model=model,
            )
            if settings.capture
            else None
        )

    def look(self) -> None:
        """Read the priorities again, unless the last look still goes on; settle what is counted."""
        if self.auditing is not None:
            self.auditing.settle()
        if self._limits is not None and (self._looking is None or self._looking.done()):
            loop = asyncio.get_running_loop()
            self._looking = loop.run_in_executor(self._pool, self._read)

    def close(self) -> None:
        """Leave what is counted and not yet told."""
        if self.auditing is not None:
            self.auditing.settle(is_last=True)

    def _read(self) -> None:
        if self._limits is None:
            return
        try:
            self._limits.read()
        except DependencyError as error:
            line = {
                "level": "ERROR",
                "message": "tenants' priorities are as they were last read",
                "error": str(error),
            }
            self._write(json.dumps(line) + "\n")


def _limits(clock: Clock) -> "TenantLimits":
    from falaj.aws.task_calls import TaskCalls  # noqa: PLC0415 - only where it is asked for
    from falaj.aws.tenant_limits import TenantLimits  # noqa: PLC0415

    around = CallSettings.from_env("ssm")
    calls = TaskCalls(
        "ssm", region=around.region, clock=clock, endpoint=around.endpoints.get("ssm", "")
    )
    return TenantLimits(calls.post, QUOTAS_PARAMETER, clock, shed=SHED_PARAMETER)


def _keys(root: str, clock: Clock) -> "Keys":
    from falaj.entrypoints.capture_world import keys_at  # noqa: PLC0415 - only where it is asked for

    return keys_at(root, clock)
