"""Bytes of a file to the model's input, its scores to a content type.

The model sees the first and the last 1,024 bytes, white space around the file left out, each byte
as a number and 256 where the file has none.

Source: the extraction that magika 1.0.3 documents for its model standard_v3_3 (config.min.json:
beg_size 1024, end_size 1024, block_size 4096, padding_token 256, min_file_size_for_dl 8).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WINDOW: Final = 1024
BLOCK: Final = 4096
PADDING: Final = 256
FEWEST_BYTES: Final = 8

_TYPES: Final = json.loads(Path(__file__).with_name("content_types.json").read_text("utf-8"))
LABELS: Final = tuple(_TYPES)
"""The model's 214 content types, in the order of its scores."""

_MISLEADING: Final = {"randombytes": "unknown", "randomtxt": "txt"}


class TooFewBytesError(ValueError):
    """The model was never taught to judge this little."""

    def __init__(self, count: int) -> None:
        super().__init__(
            f"{count} bytes (white space left out) are too few to judge; at least {FEWEST_BYTES}"
        )
        self.count = count


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a file is.

    Attributes:
        label: Content type, such as `png`; `txt` or `unknown` where the model is not sure enough.
        description: The same in words.
        mime_type: Its media type.
        score: The model's confidence in its first choice, 0 to 1.
    """

    label: str
    description: str
    mime_type: str
    score: float


def encode(content: bytes) -> list[int]:
    """Return the model's input for one file, int32[2048].

    Raises:
        TooFewBytesError: The file is too short to be judged.
    """
    head = content[:BLOCK].lstrip()
    if len(head) < FEWEST_BYTES:
        raise TooFewBytesError(len(head))
    start, end = list(head[:WINDOW]), list(content[-BLOCK:].rstrip()[-WINDOW:])
    gap = [PADDING]
    return start + gap * (WINDOW - len(start)) + gap * (WINDOW - len(end)) + end


def decode(scores: Sequence[float]) -> Verdict:
    """Return the content type that 214 scores stand for."""
    best = max(range(len(scores)), key=scores.__getitem__)
    label, score = LABELS[best], float(scores[best])
    known = _TYPES[label]
    if score < known["threshold"]:
        label = "txt" if known["is_text"] else "unknown"
    label = _MISLEADING.get(label, label)
    shown = _TYPES.get(label, {"description": "Unknown binary data"})
    return Verdict(
        label=label,
        description=shown["description"],
        mime_type=shown.get("mime_type") or "application/octet-stream",
        score=score,
    )
