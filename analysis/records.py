"""Exposure and outcome logs as files: JSON Lines or CSV, gzipped or not, record by record."""

import csv
import gzip
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TextIO

import orjson

NUMBERS: Final = frozenset({"at", "covariate", "value"})
"""CSV has no types: these columns are numbers where they look like numbers."""


def read_records(path: Path) -> Iterator[Mapping[str, Any] | None]:
    """Read records in file order; None stands for a line that is no record.

    Args:
        path: `*.jsonl`, `*.json`, `*.ndjson` or `*.csv`, with or without `.gz`.

    Raises:
        ValueError: The name says no known format.
    """
    names = [suffix for suffix in path.suffixes if suffix != ".gz"]
    kind = names[-1] if names else ""
    if kind not in {".jsonl", ".ndjson", ".json", ".csv"}:
        raise ValueError(f"{path.name}: records are read from .jsonl or .csv, also with .gz")
    with _opened(path) as stream:
        yield from _csv(stream) if kind == ".csv" else _json_lines(stream)


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8", errors="replace", newline="")
    return path.open(encoding="utf-8", errors="replace", newline="")


def _json_lines(stream: TextIO) -> Iterator[Mapping[str, Any] | None]:
    for line in stream:
        if line.isspace():
            continue
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            yield None
            continue
        yield record if isinstance(record, dict) else None


def _csv(stream: TextIO) -> Iterator[Mapping[str, Any] | None]:
    for row in csv.DictReader(stream):
        yield {
            key: _typed(key, text) for key, text in row.items() if key and text not in {"", None}
        }


def _typed(key: str, text: str) -> str | float:
    if key not in NUMBERS:
        return text
    try:
        return float(text)
    except ValueError:
        return {"true": 1.0, "false": 0.0}.get(text.lower(), text)
