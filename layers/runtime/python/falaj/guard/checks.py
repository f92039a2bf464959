"""What the guard refuses to count, with a sentence that says why."""

LARGEST_COUNT = 2**53
"""Beyond it a float no longer holds every integer."""


def require_count(name: str, value: object) -> int:
    """Return a count as a plain int.

    Raises:
        GuardInputError: It is not a whole number from 0 to 2⁵³.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        refuse(name, value, "a whole number of events")
    count: int = value.__index__()  # type: ignore[attr-defined]
    if not 0 <= count <= LARGEST_COUNT:
        refuse(name, value, "between 0 and 2**53")
    return count


def require_share(value: object) -> float:
    """Return the candidate's share as a float in (0, 1).

    Raises:
        GuardInputError: At 0 or 1 only one version serves, and nothing can be compared.
    """
    share = _real("share", value)
    if not 0.0 < share < 1.0:
        refuse("share", value, "strictly between 0 and 1: both versions must serve to be compared")
    return share


def require_positive(name: str, value: object) -> float:
    """Return a finite number above 0.

    Raises:
        GuardInputError: It is not.
    """
    number = _real(name, value)
    if not 0.0 < number < float("inf"):
        refuse(name, value, "finite and above 0")
    return number


def require_level(name: str, value: object) -> float:
    """Return a probability strictly between 0 and 1.

    Raises:
        GuardInputError: It is not.
    """
    number = _real(name, value)
    if not 0.0 < number < 1.0:
        refuse(name, value, "strictly between 0 and 1")
    return number


def refuse(name: str, value: object, wanted: str) -> None:
    """Raise the sentence.

    Raises:
        GuardInputError: Always.
    """
    # The error tree imports `typing`; only a refusal pays for it.
    from falaj.errors import GuardInputError  # noqa: PLC0415

    raise GuardInputError(name=name, got=value, wanted=wanted)


def _real(name: str, value: object) -> float:
    if isinstance(value, bool | str | bytes) or not hasattr(value, "__float__"):
        refuse(name, value, "a number")
    return float(value)  # type: ignore[arg-type]
