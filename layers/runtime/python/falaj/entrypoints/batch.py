"""The batch function: plans a run, answers one shard of it, or adds it up.

The state machine asks for one step after the other; each may be asked for again. A model that is
not what its manifest promises keeps the environment from starting, as in the predict function.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from falaj.batch.plan import receipt_name
from falaj.batch.shards import SHARD_BYTES, Shard
from falaj.batch.work import Batch
from falaj.domain.clock import Clock, SystemClock
from falaj.domain.objects import Place, Store
from falaj.engines.repository import ModelRepository
from falaj.errors import BatchRefusedError
from falaj.telemetry.service_log import ServiceLog


class BatchWorker:
    """Handles every event of the function.

    Args:
        repository: The model's versions.
        model: The model's name.
        open_store: Opens a bucket.
        clock: The time of log lines.
        write: Takes each log line; by default standard output.
    """

    def __init__(
        self,
        repository: ModelRepository,
        model: str,
        *,
        open_store: Callable[[str], Store],
        clock: Clock | None = None,
        write: Callable[[str], object] = sys.stdout.write,
    ) -> None:
        self._repository, self._model, self._open = repository, model, open_store
        self._log = ServiceLog("batch", clock or SystemClock(), write)
        self._steps: Final[Mapping[str, Callable[[Batch, Mapping[str, Any]], dict[str, Any]]]] = {
            "plan": self._plan,
            "shard": self._shard,
            "finish": self._finish,
        }

    def __call__(self, event: Mapping[str, Any], context: object = None) -> dict[str, Any]:
        """Do one step.

        Args:
            event: `step`, `source`, `target`, `model_version`, `shard_bytes` and, for a shard,
                `shard`.
            context: Lambda's; not used.

        Raises:
            BatchRefusedError: The run cannot be carried out as asked.
            BatchIncompleteError: Shards have no receipt.
            UnknownVersionError: The function does not hold this version.
            DependencyError: S3 refused or does not answer; the step may be repeated.
        """
        del context
        step = self._steps.get(str(event.get("step")))
        if step is None:
            raise BatchRefusedError(f"no such step; there are {', '.join(self._steps)}")
        return step(self._batch(event), event)

    def _batch(self, event: Mapping[str, Any]) -> Batch:
        size = event.get("shard_bytes") or SHARD_BYTES
        if type(size) is not int:
            raise BatchRefusedError("shard_bytes is no whole number")
        version = str(event.get("model_version") or "")
        return Batch(
            self._repository.model(self._model, version),
            source=Place.parse(event.get("source")),
            target=Place.parse(event.get("target")),
            open_store=self._open,
            shard_bytes=size,
        )

    def _plan(self, batch: Batch, _: Mapping[str, Any]) -> dict[str, Any]:
        plan = batch.plan()
        self._log(
            "INFO",
            "planned",
            model_name=plan.served.model,
            model_version=plan.served.version,
            shards=len(plan.shards),
            inputs=len(plan.inputs),
        )
        where = batch.shards_address
        return {"shards": len(plan.shards), "bucket": where.bucket, "key": where.prefix}

    def _shard(self, batch: Batch, event: Mapping[str, Any]) -> dict[str, Any]:
        try:
            shard = Shard.from_dict(event["shard"])
        except (KeyError, TypeError, ValueError) as error:
            raise BatchRefusedError(f"no shard: {error}") from error
        receipt = batch.shard(shard)
        self._log(
            "INFO" if not receipt.quarantined else "WARNING",
            f"{receipt.answered} of {receipt.records} records answered",
            shard=receipt.shard,
            quarantined=receipt.quarantined,
            receipt=receipt_name(receipt.shard),
        )
        return {"shard": receipt.shard, "records": receipt.records}

    def _finish(self, batch: Batch, _: Mapping[str, Any]) -> dict[str, Any]:
        summary = asdict(batch.finish())
        self._log("INFO", "finished", **summary)
        return summary


handler: BatchWorker


def __getattr__(name: str) -> BatchWorker:
    """Make the handler when it is first named, while Lambda initialises the environment."""
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()["handler"] = _started()
    return made


def _started() -> BatchWorker:
    import boto3  # noqa: PLC0415 - tests hand over their own store
    from botocore.config import Config  # noqa: PLC0415 - as above

    from falaj.aws.batch_store import S3Store  # noqa: PLC0415 - as above
    from falaj.config.settings import Settings  # noqa: PLC0415 - as above
    from falaj.entrypoints.serving import service_from_environment  # noqa: PLC0415 - as above

    settings = Settings.from_env()
    service = service_from_environment(settings)
    config = Config(
        connect_timeout=3,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 5},
    )
    client = boto3.client("s3", config=config)
    return BatchWorker(
        service.repository,
        settings.model_name,
        open_store=lambda bucket: S3Store(client, bucket),
    )
