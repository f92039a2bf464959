"""What each tenant may ask for: rate, burst and how much at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

import yaml

from falaj.domain.claims import TENANT
from falaj.domain.quota import Limits
from falaj.errors import ConfigurationError

_KEYS: Final = ("default", "tenants")
_LIMITS: Final = tuple(item.name for item in fields(Limits))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenants:
    """Every tenant's limits.

    Attributes:
        default: For each tenant that is not named; under usage plans they share it.
        named: By tenant.
    """

    default: Limits
    named: Mapping[str, Limits] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file of tenants.

        Raises:
            ConfigurationError: Every fault at once.
        """
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise ConfigurationError(
                [f"tenants {path}: cannot be read as YAML ({error})"]
            ) from error
        if not isinstance(document, dict):
            raise ConfigurationError([f"tenants {path}: write default and tenants"])
        faults = [
            f"tenants {path}: unknown key {key!r}; known: {', '.join(_KEYS)}"
            for key in document
            if key not in _KEYS
        ]
        default = _limits(f"tenants {path}: default", document.get("default"), faults)
        named: dict[str, Limits] = {}
        for tenant, value in (document.get("tenants") or {}).items():
            if not TENANT.fullmatch(str(tenant)):
                faults.append(f"tenants {path}: {tenant!r} is no tenant's name")
            elif limits := _limits(f"tenants {path}: {tenant}", value, faults):
                named[str(tenant)] = limits
        if faults or default is None:
            raise ConfigurationError(faults)
        return cls(default=default, named=named)

    def to_dict(self) -> dict[str, Any]:
        """Write every limit by tenant, `*` for all others."""
        return {
            "*": self.default.to_dict(),
            **{tenant: limits.to_dict() for tenant, limits in sorted(self.named.items())},
        }


def _limits(where: str, value: Any, faults: list[str]) -> Limits | None:  # noqa: ANN401 - YAML
    if not isinstance(value, dict):
        faults.append(f"{where}: write rate_per_s and burst, and concurrency if it is bounded")
        return None
    strange = [key for key in value if key not in _LIMITS]
    if strange:
        faults.append(
            f"{where}: unknown {', '.join(map(str, strange))}; known: {', '.join(_LIMITS)}"
        )
        return None
    try:
        return Limits(**value)
    except (TypeError, ValueError) as error:
        faults.append(f"{where}: {error}")
        return None
