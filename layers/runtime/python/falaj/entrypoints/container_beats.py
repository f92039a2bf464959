"""What a container tells every ten seconds: its counts, its GPU, and whether it may be stopped."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from falaj.config.container import ContainerSettings
from falaj.container.gpu_meter import GpuMeter, open_meter, utilisation_line
from falaj.container.ledger import Ledger
from falaj.container.scale_in_protection import ScaleInProtection
from falaj.domain.clock import Clock
from falaj.entrypoints.container_models import Served

ON_CPU = frozenset({"cpu", "openvino"})


class Beats:
    """Tells it.

    Args:
        settings: What the container is.
        served: What it serves.
        ledger: What became of its requests.
        clock: Tells the time.
        write: Takes lines for the log.
        meter: Reads the GPU; by default the container's own, where it computes on one.
        protection: Speaks to ECS's agent; by default the one of the environment.
        look: Called at each beat, for whatever else is to be looked at now and then.
    """

    def __init__(
        self,
        settings: ContainerSettings,
        served: Served,
        ledger: Ledger,
        *,
        clock: Clock,
        write: Callable[[str], object],
        meter: GpuMeter | None = None,
        protection: ScaleInProtection | None = None,
        look: Callable[[], object] = lambda: None,
    ) -> None:
        self._served, self._ledger, self._clock, self._write = served, ledger, clock, write
        self._model = served.default_model
        is_on_gpu = not set(settings.providers) <= ON_CPU
        self._meter = meter or (open_meter() if is_on_gpu else None)
        self._protection = protection or (
            ScaleInProtection(settings.agent_uri) if settings.agent_uri else None
        )
        # Threads of their own: an agent that does not answer must not hold up a run.
        self._agent = ThreadPoolExecutor(1, thread_name_prefix="falaj-agent")
        self._telling: asyncio.Future[None] | None = None
        self._look = look

    def __call__(self) -> None:
        """Tell it once."""
        now = self._clock.now()
        self._ledger.flush(now)
        self._look()
        percent = self._meter.percent() if self._meter else None
        if percent is not None:
            self._write(utilisation_line(self._model, percent, now))
        if self._protection is not None and (self._telling is None or self._telling.done()):
            loop = asyncio.get_running_loop()
            self._telling = loop.run_in_executor(self._agent, self._tell, self.is_busy, now)

    @property
    def is_busy(self) -> bool:
        """Whether anybody waits for an answer."""
        return any(
            worker.scheduler.in_flight or worker.scheduler.waiting
            for worker in self._served.workforce
        )

    def _tell(self, is_busy: bool, now: datetime) -> None:  # noqa: FBT001 - run_in_executor takes no keywords
        if self._protection is None:
            return
        try:
            self._protection.tell(is_busy=is_busy, now=now)
        except OSError as error:
            line = {"level": "WARNING", "message": "ECS's agent was not told", "error": str(error)}
            self._write(json.dumps(line) + "\n")
