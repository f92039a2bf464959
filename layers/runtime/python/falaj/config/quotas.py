"""Where a function counts its tenants' requests, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from falaj.config.calls import CallSettings
from falaj.contract import ENV_MODEL_NAME, ENV_QUOTAS, QUOTA_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaSettings:
    """A function's surroundings.

    Attributes:
        has_rate: Whether rate and burst are counted here.
        calls: How DynamoDB and SSM are reached.
        model: Whose function it is; empty where it is no model's.
    """

    has_rate: bool
    calls: CallSettings
    model: str = ""

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self | None:
        """Read the environment; None where no tenant is bounded.

        `FALAJ_QUOTAS` is `rate` where rates are counted here, or else `concurrency`.
        """
        env = os.environ if environment is None else environment  # noqa: TID251 - read here
        given = env.get(ENV_QUOTAS, "")
        if not given:
            return None
        return cls(
            has_rate=given == QUOTA_RATE,
            calls=CallSettings.from_env("dynamodb", "ssm", environment=env),
            model=env.get(ENV_MODEL_NAME, ""),
        )
