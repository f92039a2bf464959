"""An image without Docker: what its Dockerfile copies and sets, on this machine's Python.

`RUN` is not carried out: the packages that it would install are those of this environment. Paths of
the image lie below a folder, and whoever runs a process of it maps them.

Source:
    docs.docker.com/reference/dockerfile (ARG, ENV, COPY, CMD, STOPSIGNAL; a backslash continues a
    line; `$name` and `${name}` stand for ARG and ENV), read 2026-11-22.
"""

import json
import re
import shlex
import shutil
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final, Self

from falaj.contract import PARAMETER_ROOT

_IGNORED: Final = frozenset(
    {"FROM", "RUN", "USER", "EXPOSE", "LABEL", "MAINTAINER", "VOLUME", "WORKDIR"}
)
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_SKIPPED: Final = ("__pycache__", "*.pyc")


class ImageError(Exception):
    """An image cannot be stood for by a process here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image's files and defaults.

    Attributes:
        root: Where its files lie.
        environment: What `ENV` sets.
        command: What `ENTRYPOINT` and `CMD` run.
        stop_signal: What asks it to stop.
    """

    root: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    stop_signal: signal.Signals = signal.SIGTERM

    @classmethod
    def build(
        cls, context: Path, dockerfile: str, *, arguments: Mapping[str, str], into: Path
    ) -> Self:
        """Copy what an image copies into a folder, and read what it sets.

        Args:
            context: The build context.
            dockerfile: Its Dockerfile, relative to the context.
            arguments: Build arguments.
            into: An empty folder, or one to be made.

        Raises:
            ImageError: The Dockerfile is not there, or says what is not known here.
        """
        try:
            text = (context / dockerfile).read_text(encoding="utf-8")
        except OSError as error:
            raise ImageError(f"{context / dockerfile}: {error.strerror}") from error
        reading = _Reading(context, arguments, into)
        for word, rest in _instructions(text):
            reading.take(word, rest)
        return cls(
            root=into,
            environment=reading.environment,
            command=reading.entry_point + reading.command,
            stop_signal=reading.stop_signal,
        )


class _Reading:
    """What the instructions read so far amount to."""

    def __init__(self, context: Path, arguments: Mapping[str, str], root: Path) -> None:
        self._context, self._arguments, self._root = context, arguments, root
        self._variables: dict[str, str] = {}
        self.environment: dict[str, str] = {}
        self.entry_point: tuple[str, ...] = ()
        self.command: tuple[str, ...] = ()
        self.stop_signal = signal.SIGTERM

    def take(self, word: str, rest: str) -> None:
        """Carry out one instruction.

        Raises:
            ImageError: It is not known here, or copies what is not there.
        """
        filled = _VARIABLE.sub(lambda found: self._variables.get(found[1] or found[2], ""), rest)
        match word:
            case "ARG":
                name, _, default = filled.partition("=")
                self._variables[name] = self._arguments.get(name, default)
            case "ENV":
                pairs = dict(part.split("=", 1) for part in shlex.split(filled))
                self.environment |= pairs
                self._variables |= pairs
            case "COPY":
                _copy(self._context, filled, self._root)
            case "CMD":
                self.command = _command(rest)
            case "ENTRYPOINT":
                self.entry_point = _command(rest)
            case "STOPSIGNAL":
                self.stop_signal = signal.Signals[filled]
            case _:
                if word not in _IGNORED:
                    raise ImageError(f"the instruction {word} of a Dockerfile is not known here")


def located(value: str, places: Mapping[str, Path]) -> str:
    """Write a value's paths as they are on this machine; names of our parameters are no paths.

    Args:
        value: An environment variable or argument; paths may be joined by colons.
        places: Where a path of the container lies here; the longest match counts.

    Example:
        >>> located("/opt/a:/models/x", {"/": Path("/i"), "/models": Path("/v")})
        '/i/opt/a:/v/x'
    """
    if not value.startswith("/") or value.startswith(("//", f"{PARAMETER_ROOT}/")):
        return value
    return ":".join(_located(part, places) for part in value.split(":"))


def _located(part: str, places: Mapping[str, Path]) -> str:
    if not part.startswith("/"):
        return part
    for mount in sorted(places, key=len, reverse=True):
        if part == mount or part.startswith(mount.rstrip("/") + "/"):
            return str(places[mount] / part[len(mount) :].lstrip("/"))
    return part


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word:
            yield word.upper(), rest.strip()


def _command(text: str) -> tuple[str, ...]:
    if text.startswith("["):
        return tuple(map(str, json.loads(text)))
    return ("/bin/sh", "-c", text)


def _copy(context: Path, text: str, root: Path) -> None:
    words = [word for word in shlex.split(text) if not word.startswith("--")]
    *sources, target = words
    place = root / PurePosixPath(target).relative_to("/")
    for source in sources:
        found = context / source
        if not found.exists():
            raise ImageError(f"COPY {source}: it is not in the build context {context}")
        if found.is_dir():
            ignored = shutil.ignore_patterns(*_SKIPPED)
            shutil.copytree(found, place, ignore=ignored, dirs_exist_ok=True)
        else:
            into_folder = target.endswith("/") or len(sources) > 1
            to = place / found.name if into_folder else place
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(found, to)
