"""Where copies of requests go, and which requests are copied."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final, Self

SHADOW_EVENT: Final = "shadow"
"""The value of `falaj` in an event that is a copy; an API's events never have the key."""
_EIGHT_BYTES: Final = 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowOrder:
    """What the rollout controller asks of stable's environments.

    Attributes:
        stable: The version that copies; any other leaves the order alone.
        candidate: The version that copies go to.
        share: Sampled share of requests, in (0, 1].
    """

    stable: str
    candidate: str
    share: float

    def samples(self, request_id: str) -> bool:
        """Say whether a request is copied: the same one always or never, whoever asks.

        Example:
            >>> order = ShadowOrder(stable="1", candidate="2", share=0.25)
            >>> sum(order.samples(f"request {n}") for n in range(10_000))
            2496
        """
        digest = hashlib.sha256(f"{self.candidate}/{request_id}".encode()).digest()
        return int.from_bytes(digest[:8], "big") < self.share * _EIGHT_BYTES

    def to_json(self) -> str:
        """Write it as the parameter holds it."""
        return json.dumps(
            {"stable": self.stable, "candidate": self.candidate, "share": self.share},
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> Self | None:
        """Read the parameter; None when nothing is to be copied, or it says nothing readable.

        Example:
            >>> ShadowOrder.from_json(NO_SHADOW) is None
            True
        """
        try:
            value: Any = json.loads(text)
            stable, candidate = str(value["stable"]), str(value["candidate"])
            share = float(value["share"])
        except (KeyError, TypeError, ValueError):
            return None
        is_order = _is_version(stable) and _is_version(candidate) and stable != candidate
        if not (is_order and 0 < share <= 1):
            return None
        return cls(stable=stable, candidate=candidate, share=share)


NO_SHADOW: Final = "{}"
"""What the parameter holds when nothing is to be copied."""


def _is_version(text: str) -> bool:
    return text.isascii() and text.isdigit()


def compared_share(shadow_share: float) -> float:
    """Return the shadow's part of all answers, stable's and its own.

    The guard asks which version each bad event hit. A shadow that is shown a share s of stable's
    requests gives s of 1 + s answers, so of the bad ones s / (1 + s) are its own while it is no
    worse, whether the two fail independently or on the same requests (docs/reference/guard.md).

    Example:
        >>> compared_share(1.0), round(compared_share(0.05), 4)
        (0.5, 0.0476)
    """
    return shadow_share / (1.0 + shadow_share)
