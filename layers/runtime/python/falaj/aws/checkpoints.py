"""Large files that can be lost: what was read so far, kept in S3, compressed and checked."""

import hashlib
import tempfile
import zlib
from pathlib import Path
from typing import IO, Final

from botocore.exceptions import ClientError

from falaj.aws.calls import NOT_FOUND, Client, calling, code_of

CHUNK_BYTES: Final = 1 << 20
_QUICK: Final = 1
_DIGEST: Final = "sha256"
_ABSENT: Final = NOT_FOUND | {"AccessDenied", "403"}


class Checkpoints:
    """Files of a bucket; memory does not grow with them.

    Args:
        s3: An S3 client.
        bucket: Where they lie.
    """

    def __init__(self, s3: Client, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def save(self, key: str, source: Path) -> None:
        """Keep a file, in place of the one before.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        with source.open("rb") as plain, tempfile.TemporaryFile() as packed:
            digest = _packed(plain, packed)
            packed.seek(0)
            with calling("s3", f"take {key}"):
                self._s3.put_object(
                    Bucket=self._bucket, Key=key, Body=packed, Metadata={_DIGEST: digest}
                )

    def load(self, key: str, to: Path) -> bool:
        """Write what was kept to a file.

        Returns:
            Whether there was anything, and it was whole.

        Raises:
            DependencyError: S3 does not answer.
        """
        with calling("s3", f"give {key}"):
            try:
                found = self._s3.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    return False
                raise
            try:
                with to.open("wb") as plain:
                    digest = _unpacked(found["Body"], plain)
            except zlib.error:
                return False
        return bool(found["Metadata"].get(_DIGEST) == digest)


def _packed(plain: IO[bytes], packed: IO[bytes]) -> str:
    digest, stream = hashlib.sha256(), zlib.compressobj(_QUICK)
    while chunk := plain.read(CHUNK_BYTES):
        digest.update(chunk)
        packed.write(stream.compress(chunk))
    packed.write(stream.flush())
    return digest.hexdigest()


def _unpacked(packed: IO[bytes], plain: IO[bytes]) -> str:
    digest, stream = hashlib.sha256(), zlib.decompressobj()
    while chunk := packed.read(CHUNK_BYTES):
        piece = stream.decompress(chunk)
        digest.update(piece)
        plain.write(piece)
    return digest.hexdigest()
