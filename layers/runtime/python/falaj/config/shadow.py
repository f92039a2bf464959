"""What a function that may have a shadow knows of its surroundings, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from falaj.contract import ENV_SHADOW_PARAMETER, REGION


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowSettings:
    """A function's surroundings.

    Attributes:
        parameter: SSM parameter that says where copies go.
        function_name: The function itself.
        region: Where it runs.
        runtime_api: Host and port of Lambda's Runtime API.
        endpoint: Where AWS answers; empty for AWS's own addresses.
        credentials: The role's key, secret and session token.
    """

    parameter: str
    function_name: str
    region: str
    runtime_api: str
    endpoint: str
    credentials: tuple[str, str, str]

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self | None:
        """Read the environment; None where no plan is a shadow, or outside Lambda."""
        env = os.environ if environment is None else environment  # noqa: TID251 - read here
        parameter, api = env.get(ENV_SHADOW_PARAMETER), env.get("AWS_LAMBDA_RUNTIME_API")
        if not parameter or not api:
            return None
        return cls(
            parameter=parameter,
            function_name=env.get("AWS_LAMBDA_FUNCTION_NAME", ""),
            region=env.get("AWS_REGION", REGION),
            runtime_api=api,
            endpoint=env.get("AWS_ENDPOINT_URL", ""),
            credentials=(
                env.get("AWS_ACCESS_KEY_ID", ""),
                env.get("AWS_SECRET_ACCESS_KEY", ""),
                env.get("AWS_SESSION_TOKEN", ""),
            ),
        )
