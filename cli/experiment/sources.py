"""What `falaj experiment` reads: a declaration, and logs record by record."""

import csv
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from falaj.errors import ConfigurationError
from falaj.experiments.spec import ExperimentSpec

FORMATS: Final = (".jsonl", ".ndjson", ".json", ".csv")
TELL_EVERY: Final = 250_000
"""Records between two lines of progress: a second or two."""


def read_spec(path: Path) -> ExperimentSpec:
    """Read a declaration from YAML, or from JSON when its name says so.

    Raises:
        ConfigurationError: It cannot be read, or is refused; with every fault.
    """
    import yaml  # noqa: PLC0415 - `falaj --help` needs no YAML

    try:
        text = path.read_text(encoding="utf-8")
        value = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        kind = "JSON" if path.suffix == ".json" else "YAML"
        reason = " ".join(str(error).split())
        raise ConfigurationError([f"{path}: is not {kind}: {reason}"]) from error
    try:
        return ExperimentSpec.from_dict(value)
    except ConfigurationError as error:
        raise ConfigurationError([f"{path}: {fault}" for fault in error.faults]) from error


def log_files(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Return the log files that are meant, and what is wrong with the rest.

    Args:
        paths: Files, and folders that stand for the log files right below them.
    """
    files, faults = list[Path](), list[str]()
    for path in paths:
        if path.is_dir():
            found = sorted(each for each in path.iterdir() if _is_log(each) and each.is_file())
            files += found
            faults += [] if found else [f"{path}: no {', '.join(FORMATS)} in this folder"]
        elif not path.is_file():
            faults.append(f"{path}: no such file")
        elif not _is_log(path):
            faults.append(f"{path}: records are read from {', '.join(FORMATS)}, also with .gz")
        else:
            files.append(path)
    return files, faults


def _is_log(path: Path) -> bool:
    return path.name.removesuffix(".gz").endswith(FORMATS)


def told_records(path: Path, tell: Callable[[str], None]) -> Iterator[Mapping[str, Any] | None]:
    """Yield the records of a log file, and say how far it has been read.

    Raises:
        ConfigurationError: The file cannot be read to its end.
    """
    from analysis.records import read_records  # noqa: PLC0415 - orjson, for this command only

    count = 0
    try:
        for record in read_records(path):
            count += 1
            if count % TELL_EVERY == 0:
                tell(f"{path.name}: {count:,} records")
            yield record
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise ConfigurationError(
            [f"{path}: cannot be read after {count:,} records: {error}"]
        ) from error
    tell(f"{path.name}: {count:,} records, read to its end")
