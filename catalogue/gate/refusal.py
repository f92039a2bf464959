"""The gate's one exception inside the child process."""

from typing import Final

FIRST_LINE_CHARACTERS: Final = 300


class Refusal(Exception):  # noqa: N818 - a verdict of the gate, not a fault of the program
    """The model is not let in; the sentence says why and what to do."""


def first_line(error: BaseException) -> str:
    """Return a foreign error's message as one line of bearable length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= FIRST_LINE_CHARACTERS else f"{text[:FIRST_LINE_CHARACTERS]}…"
