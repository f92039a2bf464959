"""One decision with everything it depended on, so that it can be made again."""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Self

from falaj.domain.actions import Action
from falaj.domain.codec import canonical_json, decode
from falaj.domain.observation import Observation
from falaj.domain.rollout import Rollout, advance


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """A decision and its inputs.

    Attributes:
        before: The status that was read.
        observation: What was seen, with the counts the guard reckoned with.
        now: The controller's clock.
        after: The status that was decided on.
        actions: What was ordered.
    """

    before: Rollout
    observation: Observation
    now: datetime
    after: Rollout
    actions: tuple[Action, ...]

    def to_json(self) -> str:
        """Write the one canonical text, which is what gets signed."""
        return canonical_json(self)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: It is not JSON, or names an action this version does not know.
        """
        return decode(cls, json.loads(text))


def decide(rollout: Rollout, observation: Observation, now: datetime) -> DecisionRecord:
    """Advance the rollout and keep the inputs.

    A record whose `after.generation` equals its `before.generation` decided nothing; it need not be
    written, but its actions must be done.
    """
    after, actions = advance(rollout, observation, now)
    return DecisionRecord(
        before=rollout, observation=observation, now=now, after=after, actions=actions
    )


def signed_statement(record: bytes) -> bytes:
    """Return what is signed (ECDSA over P-256 with SHA-256) for a record's bytes.

    It is the record's sha256 in hex, not the record: KMS takes at most 4096 bytes to sign.

    Source:
        docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html, `Message`, read 2026-11-22.

    Example:
        >>> signed_statement(b"{}")[:8]
        b'44136fa3'
    """
    return sha256(record).hexdigest().encode()
