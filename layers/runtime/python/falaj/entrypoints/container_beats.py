"""What a container tells every ten seconds: its counts, its GPU, and whether it may be stopped."""

import asyncio
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from falaj.config.container import ContainerSettings
from falaj.container.gpu_meter import GpuMeter, open_meter, utilisation_line
from falaj.container.ledger import Ledger
from falaj.container.scale_in_protection import ScaleInProtection
from falaj.domain.clock import Clock
from falaj.entrypoints.container_models import Served
from falaj.entrypoints.container_process import EXIT_HUNG

SHORTEST_HANG_S: Final = 120.0
_HANG: Final = 2
"""A run that takes twice as long as any request waits is of use to nobody, and of harm to all."""
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
        end: Ends the process with a status: a thread that does not come back cannot be ended.
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
        end: Callable[[int], object] = os._exit,
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
        self._look, self._end = look, end

    def __call__(self) -> None:
        """Tell it once."""
        now = self._clock.now()
        self._ledger.flush(now)
        self._look()
        self._end_if_hung()
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

    def _end_if_hung(self) -> None:
        """End where a run has lasted far longer than anybody waits for: nobody else has a turn.

        A run on the loop itself needs no such look: nobody's health check is answered either.
        """
        for worker in self._served.workforce:
            lasted_s = worker.longest_run_s()
            if lasted_s > max(SHORTEST_HANG_S, _HANG * worker.timeout_s):
                line = {
                    "level": "ERROR",
                    "message": "a run does not end",
                    "model": worker.model.name,
                    "model_version": worker.model.version,
                    "lasted_s": round(lasted_s),
                }
                self._write(json.dumps(line) + "\n")
                self._end(EXIT_HUNG)

    def _tell(self, is_busy: bool, now: datetime) -> None:  # noqa: FBT001 - run_in_executor takes no keywords
        if self._protection is None:
            return
        try:
            self._protection.tell(is_busy=is_busy, now=now)
        except OSError as error:
            line = {"level": "WARNING", "message": "ECS's agent was not told", "error": str(error)}
            self._write(json.dumps(line) + "\n")
