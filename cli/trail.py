"""`falaj audit verify`, `who`, `new-key`, `erase`: the audit trail and the keys to read it with."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.markup import escape

from cli.exits import Exit
from cli.failures import MisuseError
from cli.options import AsJson, DryRun
from cli.printing import answer
from cli.region.connection import Connection
from cli.region.target import Place, Target, TargetOption
from cli.settings import Settings
from falaj.contract import (
    AUDIT_PURPOSE,
    CAPTURE_KEYS_ROOT,
    bucket_name_parameter,
    key_arn_parameter,
)

if TYPE_CHECKING:
    from falaj.aws.capture_keys import CaptureKeys
    from falaj.domain.publisher import PublisherKey

KEY_FILE: Final = "audit-key.der"
DATA_KEY: Final = "data"

Tenant = Annotated[str, typer.Argument(help="The tenant, as tokens name it.", show_default=False)]


def verify(
    *,
    target: TargetOption = Target.LOCAL,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="A copy of the trail, examined offline; with --public-key."),
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option("--public-key", help="The key that signs the trail, as DER.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="Keep a copy of the trail and the key here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find every change, gap, reorder and cut in the audit trail; exit 3 if there is one."""
    from audits.trail import examine  # noqa: PLC0415 - `falaj --help` needs none of it

    if (folder is None) is not (public_key is None):
        raise MisuseError("--folder and --public-key go together")
    if folder is not None and public_key is not None:
        key, objects, now = _key(public_key.read_bytes()), _files(folder), None
    else:
        connection = Connection(Place.of(target, Settings.from_env()))
        key, objects, now = _signer(connection), _objects(connection), datetime.now(UTC)  # noqa: TID251 - how old the last checkpoint is
    if save is not None:
        objects = _saved(objects, save, key)
    report = examine(objects, key.is_signer_of, now=now)
    mark = "[bold red]✗[/]" if report.faults else "[green]✓[/]"
    told = (
        f"{report.records} records in {report.segments} segments of {report.chains} chains, "
        f"{report.checkpoints} checkpoints"
    )
    answer(
        {"ok": not report.faults, **asdict(report), "signed_by": key.fingerprint},
        *(f"[bold red]✗[/] {escape(fault)}" for fault in report.faults),
        f"{mark} {told}",
        f"[dim]· signed by {key.fingerprint}; ends known until {report.anchored_until or '—'}[/]",
        as_json=as_json,
    )
    if report.faults:
        raise typer.Exit(Exit.REFUSED)


def new_key(
    tenant: Tenant,
    *,
    target: TargetOption = Target.LOCAL,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give a tenant its first key of pseudonyms, or its next; earlier ones still look up."""
    from falaj.domain.claims import TENANT  # noqa: PLC0415 - as above

    if not TENANT.fullmatch(tenant):
        raise MisuseError(f"{tenant!r} is no tenant that a token could name")
    connection = Connection(Place.of(target, Settings.from_env()))
    made = None if dry_run else _keys(connection).rotate(tenant)
    said = f"key {made.id}, number {made.number}" if made else "nothing was made"
    document = {"tenant": tenant, "key": made.id if made else None}
    answer(document, f"{escape(tenant)}: {said}", as_json=as_json)


def who(
    tenant: Tenant,
    subject: Annotated[str, typer.Argument(help="The subject, as tokens name it.")],
    *,
    target: TargetOption = Target.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Say under which pseudonyms somebody may have been recorded; exit 3 if nobody can say."""
    connection = Connection(Place.of(target, Settings.from_env()))
    names = _keys(connection).ring().names(tenant, subject)
    answer(
        {"pseudonyms": list(names)},
        *(names or (f"{escape(tenant)} has no key: nobody can say",)),
        as_json=as_json,
    )
    if not names:
        raise typer.Exit(Exit.REFUSED)


def erase(
    tenant: Tenant,
    *,
    keep_newest: Annotated[
        bool, typer.Option("--keep-newest", help="Spare the key in use: end an overlap.")
    ] = False,
    target: TargetOption = Target.LOCAL,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Destroy a tenant's keys: nobody can say any more whom its records name. No way back."""
    keys = _keys(Connection(Place.of(target, Settings.from_env())))
    held = [key.id for key in keys.ring().keys.get(tenant, ())]
    doomed = tuple(held[:-1] if keep_newest else held)
    if not dry_run:
        doomed = keys.destroy(tenant, keep_newest=keep_newest)
    word = "would destroy" if dry_run else "destroyed"
    answer(
        {"tenant": tenant, "destroyed": [] if dry_run else list(doomed), "would": list(doomed)},
        f"{escape(tenant)}: {word} {len(doomed)} keys {' '.join(doomed)}",
        as_json=as_json,
    )


def _keys(connection: Connection) -> "CaptureKeys":
    from falaj.aws.capture_keys import CaptureKeys  # noqa: PLC0415 - boto3

    kms_key = _parameter(connection, key_arn_parameter(DATA_KEY))
    return CaptureKeys(connection.client("ssm"), CAPTURE_KEYS_ROOT, kms_key=kms_key)


def _signer(connection: Connection) -> "PublisherKey":
    arn = _parameter(connection, key_arn_parameter(AUDIT_PURPOSE))
    with connection.translated("give the key that signs its audit trail"):
        answered = connection.client("kms").get_public_key(KeyId=arn)
    return _key(answered["PublicKey"])


def _key(der: bytes) -> "PublisherKey":
    from falaj.domain.publisher import PublisherKey  # noqa: PLC0415 - as above

    try:
        return PublisherKey(der)
    except ValueError as error:
        raise MisuseError(f"the key of the trail: {error}") from error


def _objects(connection: Connection) -> Iterator[tuple[str, bytes]]:
    bucket = _parameter(connection, bucket_name_parameter(AUDIT_PURPOSE))
    s3 = connection.client("s3")
    with connection.translated("list its audit trail"):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for entry in page.get("Contents", ()):
                yield entry["Key"], s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*.jsonl")):
        yield path.relative_to(folder).as_posix(), path.read_bytes()


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


def _parameter(connection: Connection, name: str) -> str:
    with connection.translated(f"give {name}"):
        ssm: Any = connection.client("ssm")
        try:
            return str(ssm.get_parameter(Name=name)["Parameter"]["Value"])
        except ssm.exceptions.ParameterNotFound:
            pass
    raise MisuseError(
        f"{connection.place.name} has no {name}: profile enterprise keeps the audit trail"
    )
