"""What the environments of the experiments' functions say, read once and checked as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from falaj.config.environment import Environment
from falaj.contract import ENV_EXPERIMENTS_BUCKET, ENV_FEEDBACK_TABLE


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
        env = Environment(environment)
        bucket = env.needed(ENV_EXPERIMENTS_BUCKET, "bucket of exposures")
        env.check()
        return cls(bucket=bucket, release=env.text("AWS_LAMBDA_FUNCTION_VERSION", "local"))


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
        env = Environment(environment)
        if not env.text(ENV_EXPERIMENTS_BUCKET) and not env.text(ENV_FEEDBACK_TABLE):
            return None
        read = cls(
            bucket=env.needed(ENV_EXPERIMENTS_BUCKET, "feedback needs bucket and table"),
            table=env.needed(ENV_FEEDBACK_TABLE, "feedback needs bucket and table"),
        )
        env.check()
        return read
