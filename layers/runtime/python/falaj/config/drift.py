"""What the environment of the drift watch says, read once and checked as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from falaj.config.environment import Environment
from falaj.contract import DRIFT_REFERENCES, ENV_DRIFT_BUCKET


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftSettings:
    """The drift watch's environment.

    Attributes:
        bucket: Bucket of counts and reports.
        references: Folder of `<model>/<version>.json`.
    """

    bucket: str
    references: str

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and check every setting.

        Args:
            environment: What to read instead of the process's own.

        Raises:
            ConfigurationError: A setting is missing.
        """
        env = Environment(environment)
        bucket = env.needed(ENV_DRIFT_BUCKET, "bucket of counts and reports")
        env.check()
        return cls(
            bucket=bucket, references=f"{env.text('LAMBDA_TASK_ROOT', '.')}/{DRIFT_REFERENCES}"
        )
