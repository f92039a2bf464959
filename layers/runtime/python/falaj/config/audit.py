"""What the audit recorder's environment says, read once and checked as a whole."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from falaj.contract import ENV_AUDIT_BUCKET, ENV_SIGNING_KEY
from falaj.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """The recorder's environment.

    Attributes:
        bucket: Bucket of the trail.
        signing_key: KMS key that signs segments.
    """

    bucket: str
    signing_key: str

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and check every setting.

        Args:
            environment: What to read instead of the process's own.

        Raises:
            ConfigurationError: With every fault found.
        """
        env = os.environ if environment is None else environment  # noqa: TID251 - read here
        wanted = {
            ENV_AUDIT_BUCKET: "the bucket of the audit trail",
            ENV_SIGNING_KEY: "the key that signs it",
        }
        faults = [
            f"{name} is not set: {what}" for name, what in wanted.items() if not env.get(name)
        ]
        if faults:
            raise ConfigurationError(faults)
        return cls(bucket=env[ENV_AUDIT_BUCKET], signing_key=env[ENV_SIGNING_KEY])
