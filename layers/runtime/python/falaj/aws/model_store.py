"""Model bytes in S3, for those that do not fit into a function's code."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from falaj.domain.manifest import Manifest
from falaj.errors import ArtefactError


def s3_reader(prefix: str, *, client: Any = None) -> Callable[[Manifest], bytes]:  # noqa: ANN401 - boto3 makes its classes at run time
    """Make a function that fetches `<prefix>/<name>/<version>/model.onnx`.

    The bytes are not trusted: the repository compares them with the packaged manifest.

    Args:
        prefix: `s3://bucket/folder`.
        client: An S3 client; by default one for the process's own region and role.
    """
    place = urlsplit(prefix)
    bucket, folder = place.netloc, place.path.strip("/")
    s3 = client or boto3.client("s3")

    def read(manifest: Manifest) -> bytes:
        path = f"{manifest.name}/{manifest.version}/{manifest.file}"
        key = f"{folder}/{path}" if folder else path
        try:
            content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise ArtefactError(artefact=f"s3://{bucket}/{key}", reason=str(error)) from error
        return content

    return read
