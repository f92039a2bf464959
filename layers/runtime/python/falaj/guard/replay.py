"""A decision made again from its record: the same, or what differs."""

from dataclasses import dataclass
from typing import Any

from falaj.domain.codec import encode
from falaj.domain.decision import DecisionRecord
from falaj.domain.rollout import advance
from falaj.guard.judge import Guard


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What came of making a decision again.

    Attributes:
        record: The record.
        differences: Where the recomputed decision is another, as sentences; empty when it is the
            same.
    """

    record: DecisionRecord
    differences: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether the record holds what its inputs lead to."""
        return not self.differences


def replay(record: DecisionRecord) -> Replay:
    """Judge the record's counts and advance its rollout once more, offline.

    Returns:
        The differences, of the guard's verdict first: a verdict that its counts do not lead to
        shows that one or the other was changed.
    """
    differences = []
    release = record.before.release or record.observation.desired
    if record.observation.verdict is not None and release is not None:
        judged = Guard.from_plan(release.plan).verdict(record.observation.counts)
        differences += _differences("verdict", encode(record.observation.verdict), encode(judged))
    after, actions = advance(record.before, record.observation, record.now)
    differences += _differences("rollout", encode(record.after), encode(after))
    differences += _differences("actions", encode(record.actions), encode(actions))
    return Replay(record=record, differences=tuple(differences))


def _differences(name: str, recorded: Any, made: Any) -> list[str]:  # noqa: ANN401 - JSON values
    if isinstance(recorded, dict) and isinstance(made, dict):
        return [
            line
            for key in sorted(recorded.keys() | made.keys())
            for line in _differences(f"{name}.{key}", recorded.get(key), made.get(key))
        ]
    return [] if recorded == made else [f"{name} was {recorded!r}, recomputed {made!r}"]
