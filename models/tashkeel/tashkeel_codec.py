"""Arabic text to the model's input, its classes back to diacritics.

The model reads bare characters (decomposed, no combining marks, no pictures) as int64[1, seq] and
gives each one class of marks, among them hamza and the dagger alif.

Source: the decoding that text2tashkeel 0.1.0 documents for its default model, rawi-ensemble; the
vocabulary is its rawi_v2.vocab.json (Apache-2.0).
"""

import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_VOCABULARY: Final = json.loads(Path(__file__).with_name("vocabulary.json").read_text("utf-8"))
_NUMBERS: Final[dict[str, int]] = _VOCABULARY["char_to_idx"]
_CLASSES: Final[dict[str, int]] = _VOCABULARY["diac_to_idx"]
_MARKS: Final = {number: marks for marks, number in _CLASSES.items()}
_UNKNOWN: Final = _NUMBERS["<UNK>"]


def bare(text: str) -> str:
    """Return the characters that the model sees.

    Example:
        >>> len(bare("عِلْمٌ")), bare("عِلْمٌ") == bare("علم")
        (3, True)
    """
    return "".join(
        character
        for character in unicodedata.normalize("NFD", text)
        if unicodedata.category(character) not in {"Mn", "So"}
    )


def encode(text: str) -> list[int]:
    """Return the model's input for one sentence, int64[seq]."""
    return [_NUMBERS.get(character, _UNKNOWN) for character in bare(text)]


def decode(text: str, classes: Sequence[int]) -> str:
    """Return the text with the marks that the classes stand for; letters alone carry marks."""
    restored = (
        character + (_MARKS[number] if unicodedata.category(character).startswith("L") else "")
        for character, number in zip(bare(text), classes, strict=True)
    )
    return unicodedata.normalize("NFC", "".join(restored))


def classes_of(diacritised: str) -> list[int]:
    """Return the classes that a diacritised text shows, one for each bare character.

    Raises:
        KeyError: A letter carries marks that the model has no class for.
    """
    marks: list[str] = []
    for character in unicodedata.normalize("NFD", diacritised):
        if unicodedata.category(character) == "Mn":
            marks[-1] += character
        elif unicodedata.category(character) != "So":
            marks.append("")
    return [_CLASSES[mark] for mark in marks]
