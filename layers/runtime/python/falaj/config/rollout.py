"""What the rollout controller's environment says, read once and checked as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from falaj.config.environment import Environment
from falaj.contract import (
    ENV_DECISIONS_BUCKET,
    ENV_NOTICES_TOPIC,
    ENV_SIGNING_KEY,
    ENV_TABLE,
    ENV_WEBHOOK_KEY_PARAMETER,
    ENV_WEBHOOK_URL,
)

_THIS_MACHINE: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSettings:
    """The rollout controller's environment.

    Attributes:
        table: DynamoDB table of statuses.
        decisions_bucket: Bucket of decision records.
        signing_key: Id or ARN of the key that signs them.
        notices_topic: SNS topic for people; empty for none.
        webhook_url: Where notices are posted as well; empty for nowhere.
        webhook_key_parameter: SSM SecureString with the key that signs what is posted.
    """

    table: str
    decisions_bucket: str
    signing_key: str
    notices_topic: str = ""
    webhook_url: str = ""
    webhook_key_parameter: str = ""

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
            table=env.needed(ENV_TABLE, "the rollouts' DynamoDB table"),
            decisions_bucket=env.needed(ENV_DECISIONS_BUCKET, "the bucket of decision records"),
            signing_key=env.needed(ENV_SIGNING_KEY, "the KMS key that signs decision records"),
            notices_topic=env.text(ENV_NOTICES_TOPIC),
            webhook_url=env.text(ENV_WEBHOOK_URL),
            webhook_key_parameter=env.text(ENV_WEBHOOK_KEY_PARAMETER),
        )
        if read.webhook_url and not _is_private(read.webhook_url):
            env.blame(ENV_WEBHOOK_URL, read.webhook_url, "begins with https://")
        if read.webhook_url and not read.webhook_key_parameter:
            env.faults.append(f"{ENV_WEBHOOK_URL} needs {ENV_WEBHOOK_KEY_PARAMETER}")
        env.check()
        return read


def _is_private(url: str) -> bool:
    parts = urlsplit(url)
    is_here = parts.scheme == "http" and parts.hostname in _THIS_MACHINE
    return bool(parts.hostname) and (parts.scheme == "https" or is_here)
