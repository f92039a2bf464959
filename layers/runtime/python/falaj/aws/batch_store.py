"""A bucket of S3 as a batch's store."""

from collections.abc import Iterator
from typing import Final

from botocore.exceptions import ClientError

from falaj.aws.calls import NOT_FOUND, Client, calling, code_of
from falaj.domain.objects import Listed
from falaj.errors import BatchRefusedError, DependencyError

_EXISTS: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
"""Source: docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html (412 where there is
an object, 409 where another write is under way)."""
_CHANGED: Final = NOT_FOUND | {"PreconditionFailed", "412", "InvalidRange"}


class S3Store:
    """One bucket.

    Args:
        client: An S3 client.
        bucket: Its name.
    """

    def __init__(self, client: Client, bucket: str) -> None:
        self._s3, self._bucket = client, bucket

    def listed(self, prefix: str) -> Iterator[Listed]:
        """Tell of every object whose key begins so, in the keys' order.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        with calling("s3", f"list s3://{self._bucket}/{prefix}"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix
            )
            for page in pages:
                for entry in page.get("Contents", ()):
                    yield Listed(name=entry["Key"], etag=entry["ETag"], size=entry["Size"])

    def read(self, name: str, *, start: int, end: int, etag: str) -> bytes:
        """Return bytes `start` to `end` (exclusive) of an object that is still the same.

        Raises:
            BatchRefusedError: It changed, or is gone.
            DependencyError: S3 refused or does not answer.
        """
        if start == end:
            return b""
        with calling("s3", f"give s3://{self._bucket}/{name}"):
            try:
                answer = self._s3.get_object(
                    Bucket=self._bucket, Key=name, Range=f"bytes={start}-{end - 1}", IfMatch=etag
                )
            except ClientError as error:
                if code_of(error) not in _CHANGED:
                    raise
                raise BatchRefusedError(
                    f"s3://{self._bucket}/{name} changed or went since the run was planned; "
                    "repeat it with another prefix for the answers"
                ) from error
            content: bytes = answer["Body"].read()
        return content

    def find(self, name: str) -> bytes | None:
        """Return a small object's content; None if there is none.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        with calling("s3", f"give s3://{self._bucket}/{name}"):
            try:
                answer = self._s3.get_object(Bucket=self._bucket, Key=name)
            except ClientError as error:
                if code_of(error) in NOT_FOUND:
                    return None
                raise
            content: bytes = answer["Body"].read()
        return content

    def write_once(self, name: str, content: bytes) -> None:
        """Write an object that nobody has written; the same content again is no error.

        Raises:
            BatchRefusedError: There is one of another content.
            DependencyError: S3 refused or does not answer.
        """
        with calling("s3", f"take s3://{self._bucket}/{name}"):
            try:
                self._s3.put_object(Bucket=self._bucket, Key=name, Body=content, IfNoneMatch="*")
            except ClientError as error:
                if code_of(error) not in _EXISTS:
                    raise
                self._compare(name, content, error)

    def _compare(self, name: str, content: bytes, error: ClientError) -> None:
        found = self.find(name)
        if found is None:
            raise DependencyError(
                service="s3", doing=f"take s3://{self._bucket}/{name}", reason=str(error)
            ) from error
        if found != content:
            raise BatchRefusedError(
                f"s3://{self._bucket}/{name} is there already, with another content; choose "
                "another prefix for the answers"
            ) from error
