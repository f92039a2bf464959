"""What the environments of the experiments' functions say, read once and checked as a whole."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from falaj.contract import ENV_EXPERIMENTS_BUCKET, ENV_FEEDBACK_TABLE
from falaj.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderSettings:
    """The recorder's environment.

    Attributes:
        bucket: Bucket of exposures and outcomes.
        release: The Lambda version that runs.
    """

    bucket: str
    release: str = "local"

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and check every setting.

        Args:
            environment: What to read instead of the process's own.

        Raises:
            ConfigurationError: A setting is missing.
        """
        env = os.environ if environment is None else environment  # noqa: TID251 - read here
        bucket = env.get(ENV_EXPERIMENTS_BUCKET, "")
        if not bucket:
            raise ConfigurationError([f"{ENV_EXPERIMENTS_BUCKET} is not set: bucket of exposures"])
        return cls(bucket=bucket, release=env.get("AWS_LAMBDA_FUNCTION_VERSION", "local"))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackSettings:
    """Where feedback goes.

    Attributes:
        bucket: Bucket of exposures and outcomes.
        table: DynamoDB table of outcomes that were taken.
    """

    bucket: str
    table: str

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self | None:
        """Read where feedback goes; None where there are no experiments.

        Args:
            environment: What to read instead of the process's own.

        Raises:
            ConfigurationError: One of the two is missing.
        """
        env = os.environ if environment is None else environment  # noqa: TID251 - read here
        bucket, table = env.get(ENV_EXPERIMENTS_BUCKET, ""), env.get(ENV_FEEDBACK_TABLE, "")
        if not bucket and not table:
            return None
        faults = [
            f"{name} is not set: feedback needs bucket and table"
            for name, value in ((ENV_EXPERIMENTS_BUCKET, bucket), (ENV_FEEDBACK_TABLE, table))
            if not value
        ]
        if faults:
            raise ConfigurationError(faults)
        return cls(bucket=bucket, table=table)
