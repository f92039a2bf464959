"""Beside Triton: its counts become CloudWatch's metrics, its work the task's protection."""

import json
import os
import signal
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Final

from falaj import contract
from falaj.container.scale_in_protection import ScaleInProtection
from falaj.container.triton_metrics import Totals
from falaj.domain.clock import Clock, SystemClock
from falaj.errors import ConfigurationError

EVERY_S: Final = 10.0
TIMEOUT_S: Final = 2.0

Read = Callable[[], str]
"""Returns Triton's metrics page; raises OSError while there is none."""


class TritonBeats:
    """Reads Triton's metrics and tells what came since the last time.

    Args:
        model: The model.
        release: What runs.
        read: Reads the page.
        write: Takes lines for the log.
        clock: Tells the time.
        protection: Speaks to ECS's agent, where there is one.
    """

    def __init__(
        self,
        model: str,
        release: str,
        *,
        read: Read,
        write: Callable[[str], object],
        clock: Clock,
        protection: ScaleInProtection | None = None,
    ) -> None:
        self._model, self._release = model, release
        self._read, self._write, self._clock = read, write, clock
        self._protection = protection
        self._before = Totals()

    def __call__(self) -> None:
        """Tell it once; nothing while Triton is not there to be read."""
        try:
            totals = Totals.read(self._read(), self._model)
        except OSError:
            return
        since, self._before = totals.since(self._before), totals
        values = {
            contract.METRIC_REQUESTS: since.answered + since.failed,
            contract.METRIC_BAD: since.bad,
            contract.METRIC_QUEUE_TIME: since.queue_ms,
        }
        units = {contract.METRIC_QUEUE_TIME: "Milliseconds"}
        self._tell(values, units, contract.DIMENSION_SETS)
        if since.gpu_share is not None:
            percent = {contract.METRIC_GPU_UTILISATION: round(100 * since.gpu_share, 1)}
            units = {contract.METRIC_GPU_UTILISATION: "Percent"}
            self._tell(percent, units, ((contract.DIMENSION_MODEL,),))
        self._protect(is_busy=since.pending > 0)

    def _tell(
        self,
        values: Mapping[str, float],
        units: Mapping[str, str],
        dimensions: tuple[tuple[str, ...], ...],
    ) -> None:
        metrics = [{"Name": name, "Unit": units.get(name, "Count")} for name in values]
        line: dict[str, Any] = {
            "_aws": {
                "Timestamp": int(self._clock.now().timestamp() * 1000),
                "CloudWatchMetrics": [
                    {
                        "Namespace": contract.METRIC_NAMESPACE,
                        "Dimensions": [list(names) for names in dimensions],
                        "Metrics": metrics,
                    }
                ],
            },
            contract.DIMENSION_MODEL: self._model,
            contract.DIMENSION_RELEASE: self._release,
            **values,
        }
        self._write(json.dumps(line) + "\n")

    def _protect(self, *, is_busy: bool) -> None:
        if self._protection is None:
            return
        try:
            self._protection.tell(is_busy=is_busy, now=self._clock.now())
        except OSError as error:
            line = {"level": "WARNING", "message": "ECS's agent was not told", "error": str(error)}
            self._write(json.dumps(line) + "\n")


def main(environment: Mapping[str, str] | None = None) -> int:
    """Tell it every ten seconds until SIGTERM.

    Args:
        environment: What to read instead of the process's own.

    Raises:
        ConfigurationError: A setting is missing.
    """
    env = os.environ if environment is None else environment  # noqa: TID251 - read here
    needed = (contract.ENV_MODEL_NAME, contract.ENV_RELEASE, contract.ENV_ENDPOINT)
    missing = [f"{name} is not set" for name in needed if not env.get(name)]
    if missing:
        raise ConfigurationError(missing)
    agent = env.get(contract.ENV_AGENT_URI, "")
    beats = TritonBeats(
        env[contract.ENV_MODEL_NAME],
        env[contract.ENV_RELEASE],
        read=lambda: page_of(env[contract.ENV_ENDPOINT]),
        write=_to_stdout,
        clock=SystemClock(),
        protection=ScaleInProtection(agent) if agent else None,
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(EVERY_S):
        beats()
    beats()
    return 0


def page_of(endpoint: str) -> str:
    """Read the metrics page.

    Raises:
        OSError: Triton does not answer.
    """
    address = f"{endpoint}/metrics"
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as response:  # noqa: S310 - of the task
            return str(response.read().decode())
    except urllib.error.HTTPError as refusal:
        refusal.close()  # it is the answer, and holds its connection
        raise


def _to_stdout(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()
