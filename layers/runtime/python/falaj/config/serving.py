"""`serving.json`: how a container gathers, caches and keeps sequences, model by model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, Final

from falaj.batching.policy import BatchPolicy
from falaj.errors import ConfigurationError

_KEYS: Final = {
    "batching": {
        "enabled": bool,
        "max_batch_size": int,
        "max_queue_delay_microseconds": int,
        "preferred_batch_sizes": list,
        "max_queue_size": int,
        "instances": int,
    },
    "cache": {"enabled": bool, "size_bytes": int, "ttl_s": int},
    "sequence": {"state": list, "max_sequences": int, "size_bytes": int, "idle_s": int},
}
_TOP: Final = {*_KEYS, "timeout_s"}
DEFAULT_CACHE_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelServing:
    """One model's part.

    Attributes:
        policy: How requests are gathered.
        is_batching: Whether requests may share runs, where registration proved it safe.
        cache_bytes: Size of its response cache; 0 for none.
        cache_ttl_s: How long the cache gives an answer; infinite until it needs the room.
        states: Names of the inputs and outputs that carry state, in pairs.
        max_sequences: Most sequences open at once.
        state_bytes: Most bytes of their states.
        idle_s: When an abandoned sequence is forgotten.
        timeout_s: Longest any request waits.
    """

    policy: BatchPolicy = field(default_factory=BatchPolicy)
    is_batching: bool = True
    cache_bytes: int = 0
    cache_ttl_s: float = inf
    states: tuple[tuple[str, str], ...] = ()
    max_sequences: int = 1024
    state_bytes: int = DEFAULT_CACHE_BYTES
    idle_s: float = 60.0
    timeout_s: float = 30.0


def read_serving(path: Path) -> dict[str, ModelServing]:
    """Read the file; without one, every model has the defaults.

    Raises:
        ConfigurationError: With every fault found.
    """
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigurationError([f"{path}: not readable JSON ({error})"]) from error
    models = document.get("models") if isinstance(document, dict) else None
    if not isinstance(models, dict) or set(document) - {"models"}:
        raise ConfigurationError([f'{path}: write {{"models": {{"<name>": {{…}}}}}}'])
    faults: list[str] = []
    found = {name: _model(f"{path}: {name}", value, faults) for name, value in models.items()}
    if faults:
        raise ConfigurationError(faults)
    return found


def _model(where: str, value: object, faults: list[str]) -> ModelServing:
    if not isinstance(value, dict):
        faults.append(f"{where}: it must be an object")
        return ModelServing()
    faults += [f"{where}: unknown key {key!r}" for key in sorted(set(value) - _TOP)]
    parts = {part: _part(f"{where}.{part}", value.get(part, {}), part, faults) for part in _KEYS}
    batching, cache, sequence = parts["batching"], parts["cache"], parts["sequence"]
    timeout_s = value.get("timeout_s", 30.0)
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or timeout_s <= 0:
        faults.append(f"{where}.timeout_s: it must be a number of seconds above 0")
        timeout_s = 30.0
    return ModelServing(
        policy=_policy(f"{where}.batching", batching, faults),
        is_batching=batching.get("enabled", True),
        cache_bytes=cache.get("size_bytes", DEFAULT_CACHE_BYTES) if cache.get("enabled") else 0,
        cache_ttl_s=cache.get("ttl_s", inf),
        states=_states(f"{where}.sequence", sequence.get("state", []), faults),
        max_sequences=sequence.get("max_sequences", 1024),
        state_bytes=sequence.get("size_bytes", DEFAULT_CACHE_BYTES),
        idle_s=sequence.get("idle_s", 60),
        timeout_s=timeout_s,
    )


def _part(where: str, value: object, part: str, faults: list[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        faults.append(f"{where}: it must be an object")
        return {}
    kinds = _KEYS[part]
    known: dict[str, Any] = {}
    for key, item in value.items():
        kind = kinds.get(key)
        if kind is None:
            faults.append(f"{where}: unknown key {key!r}; there are {', '.join(sorted(kinds))}")
        elif type(item) is not kind or (isinstance(item, int) and item < 0):
            faults.append(f"{where}.{key}: {item!r} is not {_WORDS[kind]}")
        else:
            known[key] = item
    return known


_WORDS: Final = {bool: "true or false", int: "a whole number of at least 0", list: "a list"}


def _policy(where: str, part: Mapping[str, Any], faults: list[str]) -> BatchPolicy:
    defaults = BatchPolicy()
    sizes = part.get("preferred_batch_sizes", [])
    if any(type(size) is not int for size in sizes):
        faults.append(f"{where}.preferred_batch_sizes: {sizes} are not whole numbers")
        sizes = []
    try:
        return BatchPolicy(
            max_batch_size=part.get("max_batch_size", defaults.max_batch_size),
            max_queue_delay_microseconds=part.get("max_queue_delay_microseconds"),
            preferred_batch_sizes=tuple(sizes),
            capacity=part.get("max_queue_size", defaults.capacity),
            instances=part.get("instances", defaults.instances),
        )
    except ValueError as error:
        faults.append(f"{where}: {error}")
        return defaults


def _states(where: str, value: list[Any], faults: list[str]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for item in value:
        if not isinstance(item, dict) or set(item) != {"input", "output"}:
            faults.append(f'{where}.state: write {{"input": "<name>", "output": "<name>"}}')
        else:
            pairs.append((str(item["input"]), str(item["output"])))
    return tuple(pairs)
