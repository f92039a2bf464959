"""What the environments of the functions for asynchronous inference say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from falaj.config.environment import Environment
from falaj.contract import (
    ASYNCHRONOUS_FILE,
    ENV_ABANDONED_QUEUE,
    ENV_ASYNCHRONOUS_BUCKET,
    ENV_ASYNCHRONOUS_QUEUE,
    ENV_CAPTURE,
    ENV_PSEUDONYM_KEY,
)

_BUCKET = "bucket of requests and results"
_QUEUE = "queue of what is to be done"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeSettings:
    """The intake's environment.

    Attributes:
        bucket: Bucket of requests and results.
        queue: URL of the queue.
        key: The KMS HMAC key from which tenants' folders are derived.
        days: For how many days results are kept, by model.
        capture: Root of the SSM parameters that hold tenants' keys; empty where nobody records.
        release: The Lambda version that runs.
    """

    bucket: str
    queue: str
    key: str
    days: Mapping[str, int]
    capture: str = ""
    release: str = "local"

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and check every setting.

        Args:
            environment: What to read instead of the process's own.

        Raises:
            ConfigurationError: A setting is missing, or the file of models cannot be read.
        """
        env = Environment(environment)
        bucket = env.needed(ENV_ASYNCHRONOUS_BUCKET, _BUCKET)
        queue = env.needed(ENV_ASYNCHRONOUS_QUEUE, _QUEUE)
        key = env.needed(ENV_PSEUDONYM_KEY, "key of tenants' folders")
        days: dict[str, int] = {}
        try:
            days = _days(Path(env.text("LAMBDA_TASK_ROOT", ".")) / ASYNCHRONOUS_FILE)
        except (OSError, ValueError, TypeError, AttributeError) as error:
            env.faults.append(f"{ASYNCHRONOUS_FILE}: not what a stack writes ({error})")
        env.check()
        return cls(
            bucket=bucket,
            queue=queue,
            key=key,
            days=days,
            capture=env.text(ENV_CAPTURE),
            release=env.text("AWS_LAMBDA_FUNCTION_VERSION", "local"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """The worker's environment.

    Attributes:
        bucket: Bucket of requests and results.
        queue: URL of the queue.
        abandoned: ARN of the queue of what came too often.
    """

    bucket: str
    queue: str
    abandoned: str

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and check every setting.

        Args:
            environment: What to read instead of the process's own.

        Raises:
            ConfigurationError: A setting is missing.
        """
        env = Environment(environment)
        read = cls(
            bucket=env.needed(ENV_ASYNCHRONOUS_BUCKET, _BUCKET),
            queue=env.needed(ENV_ASYNCHRONOUS_QUEUE, _QUEUE),
            abandoned=env.needed(ENV_ABANDONED_QUEUE, "queue of what came too often"),
        )
        env.check()
        return read


def _days(path: Path) -> dict[str, int]:
    read = json.loads(path.read_text(encoding="utf-8"))
    return {str(model): int(days) for model, days in read.items()}
