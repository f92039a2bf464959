"""Where AWS answers and as whom a function calls, as Lambda's environment says."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from falaj.contract import REGION


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """A function's own way to AWS, without boto3.

    Attributes:
        region: Where it runs.
        endpoints: Where AWS answers, by service; AWS's own addresses where empty.
        credentials: The role's key, secret and session token.
    """

    region: str
    endpoints: Mapping[str, str]
    credentials: tuple[str, str, str]

    @classmethod
    def from_env(cls, *services: str, environment: Mapping[str, str] | None = None) -> Self:
        """Read the environment.

        Args:
            services: What is called, by signing name.
            environment: What to read instead of the process's own.

        Source:
            docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html.
        """
        env = os.environ if environment is None else environment  # noqa: TID251 - read here
        usual = env.get("AWS_ENDPOINT_URL", "")
        return cls(
            region=env.get("AWS_REGION", REGION),
            endpoints={
                service: env.get(f"AWS_ENDPOINT_URL_{service.upper()}", usual)
                for service in services
            },
            credentials=(
                env.get("AWS_ACCESS_KEY_ID", ""),
                env.get("AWS_SECRET_ACCESS_KEY", ""),
                env.get("AWS_SESSION_TOKEN", ""),
            ),
        )
