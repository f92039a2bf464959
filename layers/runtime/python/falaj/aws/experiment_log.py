"""Exposures and outcomes in S3: JSON lines, written once, read day by day.

`exposures/model=<m>/date=YYYY-MM-DD/<hash>.jsonl` and `outcomes/…` alike. A file's name is the hash
of what is in it, so that what is delivered twice is kept once.
"""

import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, TypeVar

from botocore.exceptions import ClientError

from falaj.aws.calls import Client, calling, code_of
from falaj.contract import EXPOSURES_PREFIX, OUTCOMES_PREFIX, log_prefix
from falaj.experiments.records import Exposure, Outcome

AHEAD: Final = 8
"""Files fetched while one is read: what a day's many small files cost is the way to S3."""

_EXISTS: Final = "PreconditionFailed"
_Record = TypeVar("_Record", Exposure, Outcome)


class ExperimentLog:
    """The bucket of exposures and outcomes.

    Args:
        s3: An S3 client.
        bucket: The bucket's name.
    """

    def __init__(self, s3: Client, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def exposures(
        self,
        model: str,
        experiment: str,
        since: datetime,
        *,
        until: datetime | None = None,
        set_aside: Callable[[str], object] | None = None,
    ) -> Iterator[Exposure]:
        """Stream an experiment's exposures since an instant; memory does not grow with them.

        Args:
            model: The model.
            experiment: The experiment's name.
            since: Earlier exposures are left out.
            until: Those from then on are left out as well.
            set_aside: Told the key of each file that holds a line that is no exposure.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        from_s, to_s = since.timestamp(), until.timestamp() if until else math.inf
        for record in self._records(EXPOSURES_PREFIX, model, from_s, Exposure, set_aside):
            if record.experiment == experiment and from_s <= record.at < to_s:
                yield record

    def outcomes(
        self,
        model: str,
        since: datetime,
        *,
        set_aside: Callable[[str], object] | None = None,
    ) -> Iterator[Outcome]:
        """Stream a model's outcomes that were received since an instant.

        They belong to whichever exposures have their inference ids; the join sorts them out.

        Args:
            model: The model.
            since: The experiment's start: nothing about it can have been received before.
            set_aside: Told the key of each file that holds a line that is no outcome.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        yield from self._records(OUTCOMES_PREFIX, model, since.timestamp(), Outcome, set_aside)

    def write_exposures(self, model: str, exposures: Iterable[Exposure]) -> tuple[str, ...]:
        """Keep exposures, a file for each day; the same ones again change nothing.

        Returns:
            The files' keys.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        by_day: dict[str, list[dict[str, Any]]] = {}
        for exposure in exposures:
            by_day.setdefault(_date(exposure.at), []).append(exposure.to_dict())
        return tuple(
            self._write(EXPOSURES_PREFIX, model, date, records) for date, records in by_day.items()
        )

    def write_outcomes(self, model: str, outcomes: Iterable[Outcome], *, received: float) -> str:
        """Keep outcomes under the day on which they were received.

        Returns:
            The file's key.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        records = [outcome.to_dict() for outcome in outcomes]
        return self._write(OUTCOMES_PREFIX, model, _date(received), records)

    def _write(self, kind: str, model: str, date: str, records: Iterable[Mapping[str, Any]]) -> str:
        lines = sorted(
            {json.dumps(each, sort_keys=True, separators=(",", ":")) for each in records}
        )
        body = "".join(f"{line}\n" for line in lines).encode()
        key = f"{log_prefix(kind, model, date)}{sha256(body).hexdigest()[:32]}.jsonl"
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

    def _records(
        self,
        kind: str,
        model: str,
        since: float,
        record: type[_Record],
        set_aside: Callable[[str], object] | None,
    ) -> Iterator[_Record]:
        for key, body in self._bodies(
            f"{kind}model={model}/", log_prefix(kind, model, _date(since))
        ):
            is_whole = True
            for line in body.decode("utf-8", "replace").split("\n"):  # str: no guess at an encoding
                if not line:
                    continue
                try:
                    yield record.from_dict(json.loads(line))
                except (ValueError, KeyError, TypeError):
                    is_whole = False
            if not is_whole and set_aside is not None:
                set_aside(key)

    def _bodies(self, prefix: str, first: str) -> Iterator[tuple[str, bytes]]:
        """Fetch files in the order of their keys, a few ahead of the reader."""
        with ThreadPoolExecutor(AHEAD) as pool:
            coming: deque[tuple[str, Future[bytes]]] = deque()
            try:
                for key in self._keys(prefix, first):
                    coming.append((key, pool.submit(self._body, key)))
                    if len(coming) > AHEAD:
                        ready, body = coming.popleft()
                        yield ready, body.result()
                while coming:
                    ready, body = coming.popleft()
                    yield ready, body.result()
            finally:
                for _, body in coming:
                    body.cancel()

    def _keys(self, prefix: str, first: str) -> Iterator[str]:
        pages = iter(
            self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix, StartAfter=first
            )
        )
        while True:
            with calling("s3", f"list {prefix}"):
                page = next(pages, None)
            if page is None:
                return
            yield from (entry["Key"] for entry in page.get("Contents", ()))

    def _body(self, key: str) -> bytes:
        with calling("s3", f"give {key}"):
            content: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return content


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
