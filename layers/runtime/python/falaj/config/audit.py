"""What the audit recorder's environment says, read once and checked as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from falaj.config.environment import Environment
from falaj.contract import ENV_AUDIT_BUCKET, ENV_DEAD_LETTERS, ENV_SIGNING_KEY


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """The recorder's environment.

    Attributes:
        bucket: Bucket of the trail.
        signing_key: KMS key that signs segments.
        dead_letters: URL of the queue of deliveries that failed.
    """

    bucket: str
    signing_key: str
    dead_letters: str

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
            bucket=env.needed(ENV_AUDIT_BUCKET, "the bucket of the audit trail"),
            signing_key=env.needed(ENV_SIGNING_KEY, "the key that signs it"),
            dead_letters=env.needed(ENV_DEAD_LETTERS, "the queue of deliveries that failed"),
        )
        env.check()
        return read
