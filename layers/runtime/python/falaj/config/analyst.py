"""What the experiment analyst's environment says, read once and checked as a whole."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from falaj.contract import (
    ENV_EXPERIMENTS_BUCKET,
    ENV_EXPERIMENTS_TABLE,
    ENV_NOTICES_TOPIC,
    ENV_ROLLOUTS_TABLE,
    ENV_SIGNING_KEY,
)
from falaj.errors import ConfigurationError

_NEEDED: Final = {
    ENV_EXPERIMENTS_TABLE: "the DynamoDB table of experiments",
    ENV_EXPERIMENTS_BUCKET: "the bucket of exposures, outcomes, reports and decisions",
    ENV_ROLLOUTS_TABLE: "the DynamoDB table of rollouts",
    ENV_SIGNING_KEY: "the KMS key that signs decision records",
}


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
        env = os.environ if environment is None else environment  # noqa: TID251 - read here
        faults = [
            f"{name} is not set: {what}" for name, what in _NEEDED.items() if not env.get(name)
        ]
        if faults:
            raise ConfigurationError(faults)
        return cls(
            experiments_table=env[ENV_EXPERIMENTS_TABLE],
            bucket=env[ENV_EXPERIMENTS_BUCKET],
            rollouts_table=env[ENV_ROLLOUTS_TABLE],
            signing_key=env[ENV_SIGNING_KEY],
            notices_topic=env.get(ENV_NOTICES_TOPIC, ""),
        )
