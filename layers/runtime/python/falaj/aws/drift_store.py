"""Counts and reports of drift in S3.

A file's name is the hash of what is in it, so the same delivery twice is one file.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any, Final

from botocore.exceptions import ClientError

from falaj.aws.calls import NOT_FOUND, Client, calling, code_of
from falaj.contract import REPORTS_PREFIX, drift_report_key

_EXISTS: Final = "PreconditionFailed"
_AT_ONCE: Final = 16
"""Files fetched side by side: a window has one for each environment and minute."""
_KINDS: Final = {"json": "application/json", "html": "text/html; charset=utf-8"}


class DriftStore:
    """The bucket of counts and reports.

    Args:
        s3: An S3 client.
        bucket: The bucket's name.
    """

    def __init__(self, s3: Client, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def write_counts(self, prefix: str, lines: Iterable[Mapping[str, Any]]) -> str:
        """Keep lines of one window; the same ones again change nothing.

        Args:
            prefix: The window's folder, `drift_counts_prefix`.
            lines: What is kept.

        Returns:
            The file's key.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        texts = sorted(json.dumps(line, sort_keys=True, separators=(",", ":")) for line in lines)
        body = "".join(f"{text}\n" for text in texts).encode()
        key = f"{prefix}{sha256(body).hexdigest()[:32]}.jsonl"
        with calling("s3", f"take {key}"):
            try:
                self._s3.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body,
                    ContentType="application/x-ndjson",
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if code_of(error) != _EXISTS:
                    raise
        return key

    def counts(self, prefix: str) -> list[dict[str, Any]]:
        """Return every line of one window.

        Args:
            prefix: The window's folder, `drift_counts_prefix`.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            bodies = pool.map(self._body, self._keys(prefix))
            return [json.loads(line) for body in bodies for line in body.splitlines()]

    def write_report(self, model: str, version: int, *, document: str, page: str) -> None:
        """Keep a version's latest report, in place of the one before.

        The page comes first: whoever finds the document finds its page, too.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        for form, text in (("html", page), ("json", document)):
            key = drift_report_key(model, version, form)
            with calling("s3", f"take {key}"):
                self._s3.put_object(
                    Bucket=self._bucket, Key=key, Body=text.encode(), ContentType=_KINDS[form]
                )

    def report(self, model: str, version: int, form: str) -> str | None:
        """Return the latest report as `json` or `html`; None while there is none.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        key = drift_report_key(model, version, form)
        with calling("s3", f"give {key}"):
            try:
                body: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except ClientError as error:
                if code_of(error) in NOT_FOUND:
                    return None
                raise
        return body.decode()

    def reports(self) -> list[dict[str, Any]]:
        """Return the latest document of every version that has one, by model and version.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        found = []
        for key in self._keys(REPORTS_PREFIX):
            if not key.endswith(".json"):
                continue
            found.append(json.loads(self._body(key)))
        return sorted(found, key=lambda each: (each["model"], each["version"]))

    def _body(self, key: str) -> bytes:
        with calling("s3", f"give {key}"):
            body: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return body

    def _keys(self, prefix: str) -> Iterator[str]:
        pages = iter(
            self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        )
        while True:
            with calling("s3", f"list {prefix}"):
                page = next(pages, None)
            if page is None:
                return
            yield from (entry["Key"] for entry in page.get("Contents", ()))
