"""Who is asking: a subject from a header, a parameter or a claim, or a named fault."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from hmac import new as keyed_hash
from typing import Any, Final

LONGEST: Final = 256
"""Characters. Assignment takes time in proportion, and no identifier in use is longer."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Where(StrEnum):
    """The place in a request that names the subject."""

    HEADER = "header"
    PARAMETER = "parameter"
    CLAIM = "claim"


class SubjectFault(StrEnum):
    """Why a request has no usable subject."""

    MISSING = "subject_missing"
    EMPTY = "subject_empty"
    WRONG_TYPE = "subject_wrong_type"
    TOO_LONG = "subject_too_long"
    UNPRINTABLE = "subject_unprintable"
    AMBIGUOUS = "subject_ambiguous"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectSource:
    """Where an experiment finds its subjects.

    Attributes:
        where: Header, top-level JSON `parameters` of the request, or claim of the verified token.
        name: Its name; a header's case does not matter.
    """

    where: Where
    name: str

    def read(
        self,
        *,
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        claims: Mapping[str, Any] | None = None,
    ) -> str | SubjectFault:
        """Read the subject of one request.

        A header with a comma was sent twice (HTTP joins repeated headers so) and is ambiguous.

        Args:
            headers: Request headers, names in lower case as API Gateway and ASGI give them.
            parameters: The request's `parameters` object.
            claims: Claims of a token whose signature was checked.

        Returns:
            The subject, or why there is none.

        Example:
            >>> SubjectSource(where=Where.HEADER, name="X-User").read(headers={"x-user": "سارة"})
            'سارة'
            >>> SubjectSource(where=Where.CLAIM, name="sub").read(claims={}).value
            'subject_missing'
        """
        if self.where is Where.HEADER:
            found = (headers or {}).get(self.name.lower())
            return SubjectFault.AMBIGUOUS if found and "," in found else checked_subject(found)
        given = parameters if self.where is Where.PARAMETER else claims
        return checked_subject((given or {}).get(self.name))


def checked_subject(value: Any) -> str | SubjectFault:  # noqa: ANN401 - a JSON value of any type
    """Accept a printable string of 1 to 256 characters, or a whole number; change nothing.

    Example:
        >>> checked_subject(42), checked_subject(True).value, checked_subject(" ").value
        ('42', 'subject_wrong_type', 'subject_empty')
    """
    if value is None:
        return SubjectFault.MISSING
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value:d}" if abs(value) < 10**LONGEST else "9" * (LONGEST + 1)
    if not isinstance(value, str):
        return SubjectFault.WRONG_TYPE
    if not value or value.isspace():
        return SubjectFault.EMPTY
    if len(value) > LONGEST:
        return SubjectFault.TOO_LONG
    return SubjectFault.UNPRINTABLE if _CONTROL.search(value) else value


def pseudonym(subject: str, key: bytes) -> str:
    """Name a subject in the exposure log without naming the person.

    HMAC-SHA-256 under the tenant's key, 128 bits in hex: equal for equal subjects, and meaningless
    once the key is destroyed. An unkeyed hash of an identity number is undone in a minute.

    Raises:
        ValueError: The key is shorter than 16 bytes.
    """
    if len(key) < 16:  # noqa: PLR2004 - 128 bits, NIST SP 800-107 section 5.3.4
        raise ValueError("a pseudonym's key has at least 16 bytes")
    return keyed_hash(key, subject.encode(), sha256).hexdigest()[:32]
