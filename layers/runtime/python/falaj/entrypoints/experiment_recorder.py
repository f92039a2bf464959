"""The recorder's Lambda handler: what a subscription delivers of model functions' logs goes to S3.

CloudWatch Logs delivers at least once. A file's name is the hash of what is in it, so the same
delivery twice is one file; the join counts an inference once however often and in whichever company
it was delivered. What fails is tried again by Lambda and then kept in a queue, whose messages the
function takes as they are.

Source:
    docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchlogs.html (invoked asynchronously;
    `awslogs.data` is Base64 of gzip of JSON with `messageType`, `logGroup`, `logEvents[].message`),
    AmazonCloudWatch/latest/logs/Subscriptions.html (delivery is retried for up to 24 hours) and
    lambda/latest/dg/invocation-async-retain-records.html (`requestPayload`), read 2026-11-22.
"""

import base64
import gzip
import json
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import boto3

from falaj import contract
from falaj.aws.experiment_log import ExperimentLog
from falaj.aws.live_experiments import LiveExperimentsParameter
from falaj.config.experiments import RecorderSettings
from falaj.domain.clock import Clock, SystemClock
from falaj.errors import MalformedRequestError
from falaj.experiments.announcing import KnownSplits
from falaj.experiments.recording import recorded
from falaj.experiments.records import Exposure

DATA: Final = "DATA_MESSAGE"
"""The other kind, CONTROL_MESSAGE, only asks whether anybody is there."""

_UNASSIGNED: Final = {
    "Namespace": contract.METRIC_NAMESPACE,
    "Dimensions": [[contract.DIMENSION_MODEL, contract.DIMENSION_REASON]],
    "Metrics": [{"Name": contract.METRIC_UNASSIGNED, "Unit": "Count"}],
}


class ExperimentRecorder:
    """Handles deliveries.

    Args:
        log: Where exposures go.
        live: Says which request-level experiment runs.
        clock: The time.
        write: Takes each log line; by default standard output.
    """

    def __init__(
        self,
        log: ExperimentLog,
        live: LiveExperimentsParameter,
        *,
        clock: Clock | None = None,
        write: Callable[[str], object] | None = None,
    ) -> None:
        self._log = log
        self._clock = clock or SystemClock()
        self._write = write or sys.stdout.write
        self._splits = KnownSplits(lambda model: live.read(model).splits, self._clock)

    def __call__(self, event: Mapping[str, Any], context: object = None) -> dict[str, int]:
        """Keep the exposures of one delivery.

        Returns:
            How many exposures there were, and how many lines that claimed to be one and were not.

        Raises:
            MalformedRequestError: It is no delivery.
            DependencyError: SSM or S3 is dark; CloudWatch Logs delivers again.
        """
        del context
        delivered = delivery_of(event)
        if delivered.get("messageType") != DATA:
            return {"exposures": 0, "malformed": 0}
        kept: dict[str, list[Exposure]] = {}
        unassigned: Counter[tuple[str, str]] = Counter()
        malformed = 0
        for entry in delivered["logEvents"]:
            try:
                line = json.loads(entry["message"])
                found = recorded(line, self._splits.at)
            except (ValueError, KeyError, TypeError):
                malformed += 1
                continue
            if found.exposure is not None:
                kept.setdefault(found.model, []).append(found.exposure)
            if found.unassigned:
                unassigned[found.model, found.unassigned] += 1
        for model, exposures in kept.items():
            self._log.write_exposures(model, exposures)
        self._tell(unassigned)
        return {"exposures": sum(map(len, kept.values())), "malformed": malformed}

    def _tell(self, unassigned: Mapping[tuple[str, str], int]) -> None:
        """Leave a line for each reason: the metric by which a forgotten subject is noticed."""
        now = self._clock.now()
        for (model, reason), count in unassigned.items():
            self._write(unassigned_line(model, reason, count, at=now) + "\n")


def unassigned_line(model: str, reason: str, count: int, *, at: datetime) -> str:
    """Write how many requests gave no subject as a line that is its metric, without the break."""
    line = {
        "_aws": {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [_UNASSIGNED]},
        contract.DIMENSION_MODEL: model,
        contract.DIMENSION_REASON: reason,
        contract.METRIC_UNASSIGNED: count,
    }
    return json.dumps(line)


def delivery_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """Open what CloudWatch Logs delivers.

    Raises:
        MalformedRequestError: It is something else.
    """
    try:
        # A record of a failed invocation holds the delivery that failed.
        given = event.get("requestPayload", event)
        packed = base64.b64decode(given["awslogs"]["data"], validate=True)
        opened = json.loads(gzip.decompress(packed))
    except (
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
        OSError,
        EOFError,
        zlib.error,
    ) as error:
        raise MalformedRequestError(f"not a delivery of CloudWatch Logs: {error!r}") from error
    if not isinstance(opened, dict):
        raise MalformedRequestError("a delivery is a JSON object")
    return opened


handler: ExperimentRecorder


def __getattr__(name: str) -> ExperimentRecorder:
    """Make the handler when it is first named, while Lambda initialises the environment."""
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    settings = RecorderSettings.from_env()
    made = globals()["handler"] = ExperimentRecorder(
        ExperimentLog(boto3.client("s3"), settings.bucket),
        LiveExperimentsParameter(boto3.client("ssm")),
    )
    return made
