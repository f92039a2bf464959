"""Exposures and outcomes in S3: JSON lines, written once, read day by day.

`exposures/model=<m>/date=YYYY-MM-DD/<hash>.jsonl` and `outcomes/…` alike. A file's name is the hash
of what is in it, so that what is delivered twice is kept once.
"""

import json
import math
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The time in which exposures are an experiment's.

    Attributes:
        since: Its start.
        until: Its end; None while it runs.
    """

    since: datetime
    until: datetime | None = None

    @property
    def edges(self) -> tuple[float, float]:
        """Start and end, seconds since the epoch; the end is not part of it."""
        return self.since.timestamp(), self.until.timestamp() if self.until else math.inf


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
        span = Span(since=since, until=until)
        for _, found in self.exposure_files(model, experiment, span, set_aside=set_aside):
            yield from found

    def exposure_files(
        self,
        model: str,
        experiment: str,
        span: Span,
        *,
        known: Container[str] = (),
        set_aside: Callable[[str], object] | None = None,
    ) -> Iterator[tuple[str, list[Exposure]]]:
        """Stream an experiment's exposures by the files that hold them.

        Args:
            model: The model.
            experiment: The experiment's name.
            span: Others are left out.
            known: Keys of files that are not read again.
            set_aside: As for `exposures`.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        since, until = span.edges
        files = self._files(EXPOSURES_PREFIX, model, since, known, Exposure, set_aside)
        for key, found in files:
            yield (
                key,
                [
                    each
                    for each in found
                    if each.experiment == experiment and since <= each.at < until
                ],
            )

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
        for _, found in self.outcome_files(model, since, set_aside=set_aside):
            yield from found

    def outcome_files(
        self,
        model: str,
        since: datetime,
        *,
        known: Container[str] = (),
        set_aside: Callable[[str], object] | None = None,
    ) -> Iterator[tuple[str, list[Outcome]]]:
        """Stream a model's outcomes by the files that hold them.

        Args:
            model: The model.
            since: As for `outcomes`.
            known: Keys of files that are not read again.
            set_aside: As for `outcomes`.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        from_s = since.timestamp()
        yield from self._files(OUTCOMES_PREFIX, model, from_s, known, Outcome, set_aside)

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

    def _files(
        self,
        kind: str,
        model: str,
        since: float,
        known: Container[str],
        record: type[_Record],
        set_aside: Callable[[str], object] | None,
    ) -> Iterator[tuple[str, list[_Record]]]:
        first = log_prefix(kind, model, _date(since))
        for key, body in self._bodies(f"{kind}model={model}/", first, known):
            # As text: json guesses at the encoding of bytes.
            lines = [line for line in body.decode("utf-8", "replace").split("\n") if line]
            found = list[_Record]()
            for value in _values(lines):
                with suppress(ValueError, KeyError, TypeError):
                    found.append(record.from_dict(value))
            if len(found) < len(lines) and set_aside is not None:
                set_aside(key)
            yield key, found

    def _bodies(
        self, prefix: str, first: str, known: Container[str]
    ) -> Iterator[tuple[str, bytes]]:
        """Fetch files in the order of their keys, a few ahead of the reader."""
        with ThreadPoolExecutor(AHEAD) as pool:
            coming: deque[tuple[str, Future[bytes]]] = deque()
            try:
                for key in self._keys(prefix, first):
                    if key in known:
                        continue
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


def _values(lines: Sequence[str]) -> Iterator[Any]:
    """Parse a file's lines at once, a third of the work; one by one where a line is torn."""
    try:
        values = json.loads(f"[{','.join(lines)}]")
    except ValueError:
        values = []
    if len(values) == len(lines):
        yield from values
        return
    for line in lines:
        with suppress(ValueError):
            yield json.loads(line)


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
