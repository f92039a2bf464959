"""Asynchronous requests and their results in S3, each written once.

Source:
    docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html (412 where there is an
    object, 409 where another write is under way), read 2026-11-22.
"""

from datetime import datetime
from typing import Final, NamedTuple

from botocore.exceptions import ClientError

from falaj.aws.calls import NOT_FOUND, Client, calling, code_of
from falaj.domain.asynchronous import Job

_EXISTS: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_DIGEST: Final = "digest"


class Kept(NamedTuple):
    """An object.

    Attributes:
        content: Its bytes.
        at: When it was written.
        digest: What it was written with; empty if with none.
    """

    content: bytes
    at: datetime
    digest: str = ""


class AsynchronousStore:
    """The bucket.

    Args:
        s3: An S3 client.
        bucket: Its name; its own default encrypts what is written.
    """

    def __init__(self, s3: Client, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def put_request(self, job: Job, content: bytes, *, digest: str) -> bool:
        """Keep what is asked; say whether it was not there before.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        return self._once(job.request_key, content, digest=digest)

    def request(self, job: Job) -> Kept | None:
        """Return what is asked, emptied once it is answered; None if it was never asked.

        Raises:
            DependencyError: As above.
        """
        return self._get(job.request_key)

    def empty_request(self, job: Job, *, digest: str) -> None:
        """Keep no longer what was asked, only that it was.

        Raises:
            DependencyError: As above.
        """
        with calling("s3", "empty a request"):
            self._s3.put_object(
                Bucket=self._bucket, Key=job.request_key, Body=b"", Metadata={_DIGEST: digest}
            )

    def put_result(self, job: Job, content: bytes) -> bool:
        """Keep an answer; say whether it was the first.

        Raises:
            DependencyError: As above.
        """
        return self._once(job.result_key, content)

    def result(self, job: Job) -> Kept | None:
        """Return the answer; None while there is none.

        Raises:
            DependencyError: As above.
        """
        return self._get(job.result_key)

    def has_result(self, job: Job) -> bool:
        """Whether there is an answer.

        Raises:
            DependencyError: As above.
        """
        return self._is_there(job.result_key)

    def mark_sent(self, job: Job) -> None:
        """Keep that a request is on the queue.

        Raises:
            DependencyError: As above.
        """
        self._once(job.sent_key, b"")

    def is_sent(self, job: Job) -> bool:
        """Whether that was kept.

        Raises:
            DependencyError: As above.
        """
        return self._is_there(job.sent_key)

    def _is_there(self, key: str) -> bool:
        with calling("s3", "look for an object"):
            try:
                self._s3.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if code_of(error) not in NOT_FOUND:
                    raise
                return False
        return True

    def _once(self, key: str, content: bytes, *, digest: str = "") -> bool:
        metadata = {"Metadata": {_DIGEST: digest}} if digest else {}
        with calling("s3", "keep an object"):
            try:
                self._s3.put_object(
                    Bucket=self._bucket, Key=key, Body=content, IfNoneMatch="*", **metadata
                )
            except ClientError as error:
                if code_of(error) not in _EXISTS:
                    raise
                return False
        return True

    def _get(self, key: str) -> Kept | None:
        with calling("s3", "give an object"):
            try:
                found = self._s3.get_object(Bucket=self._bucket, Key=key)
                digest = str(found["Metadata"].get(_DIGEST, ""))
                return Kept(found["Body"].read(), found["LastModified"], digest)
            except ClientError as error:
                if code_of(error) not in NOT_FOUND:
                    raise
        return None
