"""`falaj audit verify`: whether the audit trail is whole, from a region or from a copy of it."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape

from cli.exits import Exit
from cli.failures import MisuseError
from cli.options import AsJson
from cli.printing import answer
from cli.region.connection import Connection
from cli.region.target import Place, Target, TargetOption
from cli.settings import Settings
from falaj.contract import AUDIT_PURPOSE, bucket_name_parameter, key_arn_parameter

if TYPE_CHECKING:
    from audits.trail import TrailReport
    from falaj.domain.publisher import PublisherKey

KEY_FILE: Final = "audit-key.der"
_UNVERSIONED: Final = "null"
_SHOWN_EVERY: Final = 100


def verify(
    *,
    target: TargetOption = Target.LOCAL,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="A copy of the trail, examined offline; with --public-key."),
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option(
            "--public-key",
            help="The key that signs the trail, as DER; by default the one that the region names.",
        ),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            "--head",
            help="NUMBER:HASH, as an earlier examination printed it: the trail must still hold "
            "it, which one that was put back to an older state does not.",
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            help="With --folder: when it was copied, as 2026-11-22T12:00Z; newest checkpoints "
            "that are missing are noticed by it.",
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="Keep a copy of the trail and the key here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find every change, gap, reorder and cut in the audit trail; exit 3 if there is one."""
    from audits.signatures import believer  # noqa: PLC0415 - `falaj --help` needs none of it
    from audits.trail import Head, examine  # noqa: PLC0415 - as above

    if folder is not None and public_key is None:
        raise MisuseError("--folder needs --public-key: a copy does not say whose key to believe")
    if as_of is not None and folder is None:
        raise MisuseError("--as-of goes with --folder: a region's trail is examined as of now")
    try:
        known = None if head is None else Head.parse(head)
        now = None if as_of is None else _time(as_of)
    except ValueError as error:
        raise MisuseError(str(error)) from error
    pinned = None if public_key is None else _key(_bytes(public_key))
    above: list[str] = []
    if folder is not None and pinned is not None:
        key, objects = pinned, _files(folder)
    else:
        connection = Connection(Place.of(target, Settings.from_env()))
        key, objects = pinned or _signer(connection), _objects(connection, above)
        now = datetime.now(UTC)  # noqa: TID251 - how old the last checkpoint is
    if save is not None:
        objects = _saved(objects, save, key)
    quiet = Console(stderr=True, quiet=as_json)
    with quiet.status("examining the trail") as status:
        report = examine(objects, believer(key), now=now, known=known, watch=_watch(status.update))
    report = replace(report, faults=(*above, *report.faults))
    answer(
        {"ok": not report.faults, **asdict(report), "signed_by": key.fingerprint},
        *_told(report, key.fingerprint),
        as_json=as_json,
    )
    if report.faults:
        raise typer.Exit(Exit.REFUSED)


def _told(report: "TrailReport", fingerprint: str) -> Iterator[str]:
    for fault in report.faults:
        yield f"[bold red]✗[/] {escape(fault)}"
    mark = "[bold red]✗[/]" if report.faults else "[green]✓[/]"
    yield (
        f"{mark} {report.records} records in {report.segments} segments of {report.chains} "
        f"chains, {report.checkpoints} checkpoints"
    )
    if report.unanswered:
        yield (
            f"[dim]· {report.unanswered} of them of requests that were begun and not ended: out of "
            "time or memory, or under way[/]"
        )
    yield (
        f"[dim]· signed by {fingerprint}; ends known until {report.anchored_until or '—'}, "
        f"{report.unanchored} segments came after[/]"
    )
    if report.head:
        yield f"[dim]· keep apart from the trail, for --head next time:[/] {report.head}"


def _signer(connection: Connection) -> "PublisherKey":
    arn = parameter_of(connection, key_arn_parameter(AUDIT_PURPOSE))
    with connection.translated("give the key that signs its audit trail"):
        answered = connection.client("kms").get_public_key(KeyId=arn)
    return _key(answered["PublicKey"])


def _key(der: bytes) -> "PublisherKey":
    from falaj.domain.publisher import PublisherKey  # noqa: PLC0415 - as above

    try:
        return PublisherKey(der)
    except ValueError as error:
        raise MisuseError(f"the key of the trail: {error}") from error


def _objects(connection: Connection, above: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield what was first written under each key, and tell what was put above it."""
    from audits.trail_versions import originals  # noqa: PLC0415 - as above

    bucket = parameter_of(connection, bucket_name_parameter(AUDIT_PURPOSE))
    s3 = connection.client("s3")
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    with connection.translated("list its audit trail"):
        for original in originals(pages):
            if original.fault:
                above.append(original.fault)
            if original.version:
                version = (
                    {} if original.version == _UNVERSIONED else {"VersionId": original.version}
                )
                found = s3.get_object(Bucket=bucket, Key=original.key, **version)
                yield original.key, found["Body"].read()


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.jsonl")}
    for name in sorted(found):
        yield name, found[name].read_bytes()


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _watch(show: Callable[[str], object]) -> Callable[[int, int], None]:
    def watch(segments: int, records: int) -> None:
        if segments % _SHOWN_EVERY == 0:
            show(f"examining: {segments} segments, {records} records so far")

    return watch


def _saved(
    objects: Iterator[tuple[str, bytes]], folder: Path, key: "PublisherKey"
) -> Iterator[tuple[str, bytes]]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / KEY_FILE).write_bytes(key.der)
    for name, content in objects:
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise MisuseError(f"{name} would be written outside {folder}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        yield name, content


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MisuseError(f"{path} cannot be read: {error.strerror}") from error


def parameter_of(connection: Connection, name: str) -> str:
    """Return what a region's parameter holds.

    Raises:
        MisuseError: The region has none: its profile keeps no trail.
        CommandError: It does not answer, or refuses.
    """
    with connection.translated(f"give {name}"):
        ssm: Any = connection.client("ssm")
        try:
            return str(ssm.get_parameter(Name=name)["Parameter"]["Value"])
        except ssm.exceptions.ParameterNotFound:
            pass
    raise MisuseError(
        f"{connection.place.name} has no {name}: profile enterprise keeps the audit trail"
    )
