"""What the rollout controller's environment says, read once and checked as a whole."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from falaj.contract import (
    ENV_DECISIONS_BUCKET,
    ENV_NOTICES_TOPIC,
    ENV_SIGNING_KEY,
    ENV_TABLE,
    ENV_WEBHOOK_KEY_PARAMETER,
    ENV_WEBHOOK_URL,
)
from falaj.errors import ConfigurationError

_NEEDED: Final = {
    ENV_TABLE: "the rollouts' DynamoDB table",
    ENV_DECISIONS_BUCKET: "the bucket of decision records",
    ENV_SIGNING_KEY: "the KMS key that signs decision records",
}
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
        env = os.environ if environment is None else environment  # noqa: TID251 - read here
        faults = [
            f"{name} is not set: {what}" for name, what in _NEEDED.items() if not env.get(name)
        ]
        url, key = env.get(ENV_WEBHOOK_URL, ""), env.get(ENV_WEBHOOK_KEY_PARAMETER, "")
        if url and not _is_private(url):
            faults.append(f"{ENV_WEBHOOK_URL}={url!r}: begins with https://")
        if url and not key:
            faults.append(f"{ENV_WEBHOOK_URL} needs {ENV_WEBHOOK_KEY_PARAMETER}")
        if faults:
            raise ConfigurationError(faults)
        return cls(
            table=env[ENV_TABLE],
            decisions_bucket=env[ENV_DECISIONS_BUCKET],
            signing_key=env[ENV_SIGNING_KEY],
            notices_topic=env.get(ENV_NOTICES_TOPIC, ""),
            webhook_url=url,
            webhook_key_parameter=key,
        )


def _is_private(url: str) -> bool:
    parts = urlsplit(url)
    is_here = parts.scheme == "http" and parts.hostname in _THIS_MACHINE
    return bool(parts.hostname) and (parts.scheme == "https" or is_here)
