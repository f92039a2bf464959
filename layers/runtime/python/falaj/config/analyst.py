"""What the experiment analyst's environment says, read once and checked as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from falaj.config.environment import Environment
from falaj.contract import (
    ENV_EXPERIMENTS_BUCKET,
    ENV_EXPERIMENTS_TABLE,
    ENV_NOTICES_TOPIC,
    ENV_ROLLOUTS_TABLE,
    ENV_SIGNING_KEY,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalystSettings:
    """The analyst's environment.

    Attributes:
        experiments_table: DynamoDB table of experiments.
        bucket: Bucket of exposures, outcomes, reports and decisions.
        rollouts_table: DynamoDB table of rollouts.
        signing_key: Id or ARN of the key that signs decision records.
        notices_topic: SNS topic for people; empty for none.
    """

    experiments_table: str
    bucket: str
    rollouts_table: str
    signing_key: str
    notices_topic: str = ""

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and check every setting.

        Args:
            environment: What to read instead of the process's own.

        Raises:
            ConfigurationError: With every fault found.
        """
        env = Environment(environment)
        read = cls(
            experiments_table=env.needed(
                ENV_EXPERIMENTS_TABLE, "the DynamoDB table of experiments"
            ),
            bucket=env.needed(
                ENV_EXPERIMENTS_BUCKET, "the bucket of exposures, outcomes, reports and decisions"
            ),
            rollouts_table=env.needed(ENV_ROLLOUTS_TABLE, "the DynamoDB table of rollouts"),
            signing_key=env.needed(ENV_SIGNING_KEY, "the KMS key that signs decision records"),
            notices_topic=env.text(ENV_NOTICES_TOPIC),
        )
        env.check()
        return read
