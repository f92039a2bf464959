"""The audit trail in S3: every segment one object, signed, written once under Object Lock."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from falaj.aws.calls import Client, calling, code_of
from falaj.capture.chain import CHECKPOINTS, TRAIL, Segment, Sign
from falaj.errors import LostRaceError

_EXISTS = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


class AuditTrail:
    """The bucket of the trail.

    Args:
        s3: An S3 client.
        bucket: Its name; its own default retention locks what is written.
        sign: Signs a statement.
    """

    def __init__(self, s3: Client, bucket: str, sign: Sign) -> None:
        self._s3, self._bucket, self._sign = s3, bucket, sign

    def write(self, segment: Segment) -> str:
        """Write a segment once, and return its hash.

        Raises:
            LostRaceError: Another segment has this place.
            DependencyError: S3 or KMS refused or does not answer.
        """
        data, found = segment.signed(self._sign)
        with calling("s3", f"take {segment.place.key}"):
            try:
                self._s3.put_object(
                    Bucket=self._bucket,
                    Key=segment.place.key,
                    Body=data,
                    ContentType="application/jsonl",
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if code_of(error) not in _EXISTS:
                    raise
                raise LostRaceError(what=segment.place.key) from error
        return found

    def keys_of_day(self, day: str) -> Iterator[str]:
        """Yield the keys of all chains that began on a day, in order.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        yield from self._keys(f"{TRAIL}/{day}/")

    def checkpoints(self) -> Iterator[str]:
        """Yield the keys of all checkpoints, in order.

        Raises:
            DependencyError: As above.
        """
        yield from self._keys(f"{CHECKPOINTS}/")

    def read(self, key: str) -> bytes:
        """Return an object.

        Raises:
            DependencyError: As above.
        """
        with calling("s3", f"give {key}"):
            content: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return content

    def _keys(self, prefix: str) -> Iterator[str]:
        with calling("s3", f"list {prefix}"):
            pages = self._s3.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for entry in page.get("Contents", ()):
                    yield entry["Key"]
