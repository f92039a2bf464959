"""Where a function counts its tenants' requests, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from falaj.contract import ENV_MODEL_NAME, ENV_QUOTAS, QUOTA_RATE, REGION

_SERVICES: Final = ("dynamodb", "ssm")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaSettings:
    """A function's surroundings.

    Attributes:
        has_rate: Whether rate and burst are counted here.
        region: Where it runs.
        endpoints: Where AWS answers, by service; AWS's own addresses for what is not there.
        credentials: The role's key, secret and session token.
        model: Whose function it is; empty where it is no model's.
    """

    has_rate: bool
    region: str
    endpoints: Mapping[str, str]
    credentials: tuple[str, str, str]
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
        usual = env.get("AWS_ENDPOINT_URL", "")
        return cls(
            has_rate=given == QUOTA_RATE,
            region=env.get("AWS_REGION", REGION),
            endpoints={
                service: env.get(f"AWS_ENDPOINT_URL_{service.upper()}", usual)
                for service in _SERVICES
            },
            credentials=(
                env.get("AWS_ACCESS_KEY_ID", ""),
                env.get("AWS_SECRET_ACCESS_KEY", ""),
                env.get("AWS_SESSION_TOKEN", ""),
            ),
            model=env.get(ENV_MODEL_NAME, ""),
        )
