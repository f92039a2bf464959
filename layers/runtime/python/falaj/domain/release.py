"""The release that a stack wants: what the rollout controller makes true, step by step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredRelease:
    """What the stack writes into the model's `desired-release` parameter.

    Attributes:
        model: Model name.
        function: The Lambda function's name.
        release: The Lambda version that is wanted behind the alias.
        model_version: The model version it serves when none is asked for.
        model_digest: Sha256 of that version's bytes.
        timeout_s: After how long the function ends a request.
        min_warm: Environments to keep ready.
        risk: `low`, `medium` or `high`; high needs an approver before any share.
        plan: How the share grows, by model.yaml's keys below `release`; durations in seconds.
    """

    model: str
    function: str
    release: str
    model_version: int
    model_digest: str
    timeout_s: int
    min_warm: int
    risk: str
    plan: Mapping[str, Any]

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: The format is one this runtime does not know.
        """
        if value.get("format") != FORMAT:
            raise ValueError(
                f"desired release of format {value.get('format')!r}: this runtime reads {FORMAT}"
            )
        return cls(
            model=value["model"],
            function=value["function"],
            release=value["release"],
            model_version=value["model_version"],
            model_digest=value["model_digest"],
            timeout_s=value["timeout_s"],
            min_warm=value["min_warm"],
            risk=value["risk"],
            plan=value["plan"],
        )

    def to_dict(self) -> dict[str, Any]:
        """Write the release as JSON values.

        Example:
            >>> wanted = DesiredRelease(
            ...     model="churn",
            ...     function="f",
            ...     release="12",
            ...     model_version=3,
            ...     model_digest="ab",
            ...     timeout_s=10,
            ...     min_warm=0,
            ...     risk="low",
            ...     plan={"plan": "canary"},
            ... )
            >>> DesiredRelease.from_dict(wanted.to_dict()) == wanted
            True
        """
        return {
            "format": FORMAT,
            "model": self.model,
            "function": self.function,
            "release": self.release,
            "model_version": self.model_version,
            "model_digest": self.model_digest,
            "timeout_s": self.timeout_s,
            "min_warm": self.min_warm,
            "risk": self.risk,
            "plan": dict(self.plan),
        }
