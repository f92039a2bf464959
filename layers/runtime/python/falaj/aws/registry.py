"""Published versions in S3: each object written once, the manifest's signature last."""

from dataclasses import dataclass

from botocore.exceptions import ClientError

from falaj.aws.calls import Client, calling, code_of
from falaj.contract import MANIFEST_FILE, MANIFEST_SIGNATURE_FILE, MODEL_FILE
from falaj.domain.publisher import PublisherKey
from falaj.errors import LostRaceError

_EXISTS = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedVersion:
    """One version as it is published.

    Attributes:
        name: Model name.
        version: Model version.
        model: Its bytes.
        manifest: Its manifest's exact bytes.
        signature: The publisher's, over the manifest.
        file: What its bytes are called.
    """

    name: str
    version: int
    model: bytes
    manifest: bytes
    signature: bytes
    file: str = MODEL_FILE


class Registry:
    """The two buckets of one deployment.

    Args:
        s3: An S3 client.
        models: Bucket of model bytes.
        registry: Bucket of manifests and signatures.
    """

    def __init__(self, s3: Client, *, models: str, registry: str) -> None:
        self._s3, self._models, self._registry = s3, models, registry

    def publish(self, version: SignedVersion, publisher: PublisherKey) -> bool:
        """Write a version once; False if it lay there already, byte for byte.

        A version whose signature is there is complete: it is written last.

        Raises:
            LostRaceError: The version was published with other bytes.
            DependencyError: S3 refused or does not answer.
        """
        folder = f"{version.name}/{version.version}"
        self._put_once(self._models, f"{folder}/{version.file}", version.model)
        self._put_once(self._registry, f"{folder}/{MANIFEST_FILE}", version.manifest)
        key = f"{folder}/{MANIFEST_SIGNATURE_FILE}"
        if self._put(self._registry, key, version.signature):
            return True
        # ECDSA signatures differ each time; any of the same publisher's is as good.
        if not publisher.vouches_for(version.manifest, self._get(self._registry, key)):
            raise LostRaceError(what=f"s3://{self._registry}/{key}")
        return False

    def _put_once(self, bucket: str, key: str, content: bytes) -> None:
        if not self._put(bucket, key, content) and self._get(bucket, key) != content:
            raise LostRaceError(what=f"s3://{bucket}/{key}")

    def _put(self, bucket: str, key: str, content: bytes) -> bool:
        with calling("s3", f"take {key}"):
            try:
                self._s3.put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*")
            except ClientError as error:
                if code_of(error) not in _EXISTS:
                    raise
                return False
        return True

    def _get(self, bucket: str, key: str) -> bytes:
        with calling("s3", f"give {key}"):
            content: bytes = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content
