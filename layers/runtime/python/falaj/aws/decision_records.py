"""Decision records in S3: write-once, signed, and the log from which a lost status is regained."""

import re
from typing import Final

from botocore.exceptions import ClientError

from falaj.aws.calls import NOT_FOUND, Client, calling, code_of
from falaj.contract import DECISIONS_PREFIX, decision_key
from falaj.domain.decision import signed_statement
from falaj.errors import LostRaceError

_EXISTS: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_ABSENT: Final = NOT_FOUND | {"AccessDenied", "403"}
"""A missing key is answered 403 where listing is not permitted."""
_NUMBER: Final = re.compile(r"/(\d+)\.json$")


class DecisionRecords:
    """The records of all models.

    Args:
        s3: An S3 client.
        kms: A KMS client.
        bucket: Where they lie.
        key: The signing key (ECC_NIST_P256, SIGN_VERIFY).
    """

    def __init__(self, s3: Client, kms: Client, *, bucket: str, key: str) -> None:
        self._s3, self._kms = s3, kms
        self._bucket, self._key = bucket, key

    def write(self, model: str, generation: int, record: bytes) -> None:
        """Write a record once and sign it; writing the same again is no error.

        Raises:
            LostRaceError: Another record of this generation was there first.
            DependencyError: S3 or KMS refused or does not answer.
        """
        self._put(decision_key(model, generation), record)
        self._put_signature(decision_key(model, generation), record)

    def write_late(self, model: str, generation: int, record: bytes) -> None:
        """Write a record that was owed; one whose place is taken goes beside it, as `.late`.

        Raises:
            DependencyError: S3 or KMS refused or does not answer.
        """
        try:
            self.write(model, generation, record)
        except LostRaceError:
            key = decision_key(model, generation).replace(".json", ".late.json")
            self._put(key, record)
            self._put_signature(key, record)

    def read(self, model: str, generation: int) -> bytes | None:
        """Return a record; None when there is none.

        Raises:
            DependencyError: S3 does not answer.
        """
        return self._get(decision_key(model, generation))

    def read_newest(self, model: str) -> bytes | None:
        """Return the record of the highest generation; None when there is none.

        Raises:
            DependencyError: S3 does not answer, or listing is not permitted.
        """
        with calling("s3", f"list the decisions on {model}"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{DECISIONS_PREFIX}{model}/"
            )
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        generations = [int(found[1]) for key in keys if (found := _NUMBER.search(key))]
        return self.read(model, max(generations)) if generations else None

    def check_key(self) -> None:
        """Return when the signing key answers.

        Raises:
            DependencyError: KMS refused or does not answer.
        """
        with calling("kms", "name the signing key's public half"):
            self._kms.get_public_key(KeyId=self._key)

    def _put(self, key: str, content: bytes) -> None:
        with calling("s3", f"take {key}"):
            try:
                self._s3.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=content,
                    ContentType="application/json",
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if code_of(error) not in _EXISTS:
                    raise
                if self._get(key) != content:
                    raise LostRaceError(what=key) from error

    def _put_signature(self, record_key: str, record: bytes) -> None:
        with calling("kms", f"sign {record_key}"):
            signed = self._kms.sign(
                KeyId=self._key,
                Message=signed_statement(record),
                MessageType="RAW",
                SigningAlgorithm="ECDSA_SHA_256",
            )
        key = record_key.removesuffix(".json") + ".sig"
        with calling("s3", f"take {key}"):
            try:
                self._s3.put_object(
                    Bucket=self._bucket, Key=key, Body=signed["Signature"], IfNoneMatch="*"
                )
            except ClientError as error:
                if code_of(error) not in _EXISTS:  # signed before: ECDSA signatures differ
                    raise

    def _get(self, key: str) -> bytes | None:
        with calling("s3", f"give {key}"):
            try:
                content: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    return None
                raise
        return content
