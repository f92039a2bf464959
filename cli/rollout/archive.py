"""Signed decision records as they lie in S3, and the key that verifies them."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass

from cli.region.connection import Connection
from falaj.contract import (
    DECISIONS_PREFIX,
    DECISIONS_PURPOSE,
    bucket_name_parameter,
    key_arn_parameter,
)


@dataclass(frozen=True, slots=True)
class Archive:
    """Reads the records of one region.

    Attributes:
        connection: To the region.
    """

    connection: Connection

    def public_key(self) -> bytes:
        """Return the public half of the key that signs decisions, as PEM.

        Empty when the stack publishes no such key.

        Raises:
            CommandError: The region refused or did not answer.
        """
        with self.connection.translated("give the public key of its decisions"):
            ssm = self.connection.client("ssm")
            try:
                arn = ssm.get_parameter(Name=key_arn_parameter(DECISIONS_PURPOSE))
            except ssm.exceptions.ParameterNotFound:
                return b""
            key = self.connection.client("kms").get_public_key(KeyId=arn["Parameter"]["Value"])
        body = b64encode(key["PublicKey"]).decode()
        lines = "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
        return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n".encode()

    def records(self, model: str) -> Iterator[tuple[str, bytes]]:
        """Yield every decision record and signature of a model.

        Raises:
            CommandError: The region refused or did not answer.
        """
        with self.connection.translated("name its decision bucket"):
            parameter = bucket_name_parameter(DECISIONS_PURPOSE)
            bucket = self.connection.client("ssm").get_parameter(Name=parameter)["Parameter"][
                "Value"
            ]
        s3 = self.connection.client("s3")
        with self.connection.translated("list its decision records"):
            pages = s3.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=f"{DECISIONS_PREFIX}{model}/"
            )
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        for key in keys:
            with self.connection.translated(f"give {key}"):
                content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            yield key.rpartition("/")[2], content
