"""Objects in buckets, and what a batch does with them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol, Self

from falaj.errors import BatchRefusedError

_ADDRESS: Final = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?")
"""Source: docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An object as a listing tells of it.

    Attributes:
        name: Its key.
        etag: Changes with its content.
        size: In bytes.
    """

    name: str
    etag: str
    size: int


class Store(Protocol):
    """One bucket."""

    def listed(self, prefix: str) -> Iterator[Listed]:
        """Tell of every object whose key begins so, in the keys' order.

        Raises:
            DependencyError: The store refused or does not answer.
        """
        ...

    def read(self, name: str, *, start: int, end: int, etag: str) -> bytes:
        """Return bytes `start` to `end` (exclusive) of an object that is still the same.

        Raises:
            BatchRefusedError: It changed, or is gone.
            DependencyError: The store refused or does not answer.
        """
        ...

    def find(self, name: str) -> bytes | None:
        """Return a small object's content; None if there is none.

        Raises:
            DependencyError: The store refused or does not answer.
        """
        ...

    def write_once(self, name: str, content: bytes) -> None:
        """Write an object that nobody has written; the same content again is no error.

        Raises:
            BatchRefusedError: There is one of another content.
            DependencyError: The store refused or does not answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A bucket and a prefix in it.

    Attributes:
        bucket: The bucket.
        prefix: Empty for all of the bucket, else with a slash at its end.
    """

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, address: object) -> Self:
        """Read `s3://bucket/prefix`.

        Raises:
            BatchRefusedError: It is no such address.

        Example:
            >>> Place.parse("s3://rows/2026")
            Place(bucket='rows', prefix='2026/')
        """
        found = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
        if found is None:
            raise BatchRefusedError(
                f"{str(address)[:120]!r} is no address; write s3://bucket/prefix"
            )
        prefix = (found[2] or "").strip("/")
        return cls(bucket=found[1], prefix=f"{prefix}/" if prefix else "")

    def holds(self, other: Self) -> bool:
        """Whether everything of another place lies here as well."""
        return self.bucket == other.bucket and other.prefix.startswith(self.prefix)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"
