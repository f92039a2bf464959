"""Batch inference of a deployment: for which models, and in which buckets."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from falaj.contract import REGION

ALL: Final = "all"
"""As `batch`: every model that has a function."""
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_KEY: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchBucket:
    """A bucket whose records are read, or where answers go.

    Attributes:
        name: Its name.
        key_id: Id of this account's key that it is encrypted under; empty for S3's own.
    """

    name: str
    key_id: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name` or `name=<key id>`."""
        name, _, key_id = text.partition("=")
        return cls(name=name, key_id=key_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlace:
    """What batches may answer with, read and write.

    Attributes:
        models: Names of models, or `all`; empty for no batches.
        buckets: The only buckets that they reach.
    """

    models: tuple[str, ...] = ()
    buckets: tuple[BatchBucket, ...] = ()

    def includes(self, model: str) -> bool:
        """Whether a model answers batches."""
        return model in self.models or ALL in self.models

    def faults(self) -> Iterator[str]:
        """Tell what is wrong, each with its mend."""
        if bool(self.models) != bool(self.buckets):
            yield (
                "batch and batchBuckets need each other: batch names the models (or all), "
                "batchBuckets the buckets that are read and written, since no role reads them all"
            )
        for bucket in self.buckets:
            if not _BUCKET.fullmatch(bucket.name):
                yield f"batchBuckets: {bucket.name!r} is no bucket's name"
            elif REGION not in bucket.name:
                yield (
                    f"batchBuckets: nothing says in which region {bucket.name} lies; use a bucket "
                    f"whose name holds {REGION}"
                )
            if bucket.key_id and not _KEY.fullmatch(bucket.key_id):
                yield (
                    f"batchBuckets: {bucket.key_id!r} is no key's id (a UUID); write "
                    f"{bucket.name}=<id of a key of this account>"
                )


def read_buckets(text: str) -> tuple[BatchBucket, ...]:
    """Read a list of buckets, by commas.

    Example:
        >>> [bucket.name for bucket in read_buckets("rows, answers")]
        ['rows', 'answers']
    """
    return tuple(BatchBucket.parse(part.strip()) for part in text.split(",") if part.strip())
