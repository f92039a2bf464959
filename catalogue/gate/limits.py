"""How much a model may use while it is examined."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

LARGEST_MODEL_BYTES: Final = 2**31 - 1
"""A protobuf message is at most 2 GiB, so larger models need external data, which is refused.

Source: protobuf.dev/programming-guides/proto-limits ("must be less than 2 GiB when serialized").
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of the child process.

    Attributes:
        memory_mib: Address space of the child, its own 220 MiB included.
        cpu_s: Processor seconds.
        wall_s: Seconds on the clock.
        model_bytes: Largest model file.
    """

    memory_mib: int = 2048
    cpu_s: int = 60
    wall_s: float = 120.0
    model_bytes: int = LARGEST_MODEL_BYTES

    @classmethod
    def for_size(cls, size_bytes: int) -> Self:
        """Return the limits for a model of this size: its bytes, parsed, loaded and optimised."""
        return cls(memory_mib=2048 + 5 * (size_bytes >> 20))

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(**value)

    def to_dict(self) -> dict[str, Any]:
        """Write the limits as JSON values."""
        return asdict(self)
