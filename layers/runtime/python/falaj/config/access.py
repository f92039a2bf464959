"""Who may call a function, as its stack has written it down."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from falaj.contract import ENV_ACCESS
from falaj.domain.access import AccessMode, ModelAccess
from falaj.domain.claims import DEFAULT_SKEW_S, DEFAULT_TENANT_CLAIM, TokenRules
from falaj.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSettings:
    """What a function, or the authorizer before it, asks of a caller.

    Attributes:
        mode: What is asked.
        tenant_claim: Which claim of a token names the tenant.
        skew_s: How far the issuer's clock may be from ours.
        models: Who may call each model that the function knows of.
        issuer: The token issuer; empty where the gateway has checked it.
        audiences: For whom tokens must be issued; empty as above.
        algorithms: Which signatures count; empty as above.
        keys_parameter: SSM parameter with the issuer's public keys; empty as above.
        quota_keys: API keys by tenant, with which a usage plan counts; `*` for all others.
        told_claims: Claims that the authorizer hands on, besides those it always reads.
    """

    mode: AccessMode = AccessMode.OPEN
    tenant_claim: str = DEFAULT_TENANT_CLAIM
    skew_s: int = DEFAULT_SKEW_S
    models: Mapping[str, ModelAccess] = field(default_factory=dict)
    issuer: str = ""
    audiences: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()
    keys_parameter: str = ""
    quota_keys: Mapping[str, str] = field(default_factory=dict)
    told_claims: tuple[str, ...] = ()

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings; nobody is asked for anything where none are given.

        Args:
            environment: What to read instead of the process's own.

        Raises:
            ConfigurationError: They are not what a stack writes.
        """
        env = os.environ if environment is None else environment  # noqa: TID251 - read here
        given = env.get(ENV_ACCESS, "")
        if not given:
            return cls()
        try:
            text = given if given.startswith("{") else _file(env, given)
            return cls.from_dict(json.loads(text))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ConfigurationError([f"{ENV_ACCESS}={given}: {reason}"]) from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigurationError(
                [f"{ENV_ACCESS}: not what a stack writes ({error})"]
            ) from error

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        models = (ModelAccess.from_dict(entry) for entry in value.get("models", ()))
        return cls(
            mode=AccessMode(value["mode"]),
            tenant_claim=value.get("tenant_claim", DEFAULT_TENANT_CLAIM),
            skew_s=int(value.get("skew_s", DEFAULT_SKEW_S)),
            models={model.model: model for model in models},
            issuer=value.get("issuer", ""),
            audiences=tuple(value.get("audiences", ())),
            algorithms=tuple(value.get("algorithms", ())),
            keys_parameter=value.get("keys_parameter", ""),
            quota_keys=dict(value.get("quota_keys", {})),
            told_claims=tuple(value.get("told_claims", ())),
        )

    def to_dict(self) -> dict[str, Any]:
        """Write the settings as JSON values, those left out that say nothing."""
        written = {
            "mode": self.mode.value,
            "tenant_claim": self.tenant_claim,
            "skew_s": self.skew_s,
            "models": [model.to_dict() for model in self.models.values()],
            "issuer": self.issuer,
            "audiences": list(self.audiences),
            "algorithms": list(self.algorithms),
            "keys_parameter": self.keys_parameter,
            "quota_keys": dict(self.quota_keys),
            "told_claims": list(self.told_claims),
        }
        return {key: value for key, value in written.items() if value not in ("", [], {})}

    @property
    def rules(self) -> TokenRules:
        """What a token must say; for the authorizer.

        Raises:
            ValueError: This is no authorizer's configuration.
        """
        return TokenRules(
            issuer=self.issuer,
            audiences=self.audiences,
            tenant_claim=self.tenant_claim,
            skew_s=self.skew_s,
        )


def _file(env: Mapping[str, str], name: str) -> str:
    return (Path(env.get("LAMBDA_TASK_ROOT", ".")) / name).read_text(encoding="utf-8")
