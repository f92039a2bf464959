"""`falaj models sign`, `publish` and `keys`: who answers for what is served."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from cli.completion import model_names
from cli.failures import MisuseError, RefusedError
from cli.options import AsJson, DryRun
from cli.printing import answer
from cli.region.connection import Connection
from cli.region.target import Place, Target, TargetOption
from cli.settings import Settings
from falaj.contract import (
    MANIFEST_FILE,
    MANIFESTS_PURPOSE,
    bucket_name_parameter,
    key_arn_parameter,
)
from falaj.errors import LostRaceError

if TYPE_CHECKING:
    from catalogue.building import BuiltVersion
    from catalogue.signing import Signer
    from falaj.domain.publisher import PublisherKey

Names = Annotated[
    list[str] | None,
    typer.Argument(help="Models; all of them if none is named.", autocompletion=model_names),
]
KeyOption = Annotated[
    str,
    typer.Option("--key", help="Id or ARN of a KMS key; by default the one the foundation made."),
]


def sign(
    names: Names = None,
    *,
    target: TargetOption = Target.LOCAL,
    key: KeyOption = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Sign built manifests with a key in KMS, and print the fingerprint to pin."""
    from catalogue.signing import remember_key, sign as sign_manifest  # noqa: PLC0415 - onnx waits

    publishing = _Publishing.of(target, key)
    versions = list(publishing.versions(names))
    if not dry_run:
        remember_key(publishing.settings.build, publishing.signer.key)
        for version in versions:
            sign_manifest(version.folder, publishing.signer)
    _tell("signed", publishing, versions, dry_run=dry_run, as_json=as_json)


def publish(
    names: Names = None,
    *,
    target: TargetOption = Target.LOCAL,
    key: KeyOption = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Sign built versions and write them once; exit 3 if one was published with other bytes.

    What lies there already, byte for byte, is left as it is.
    """
    from catalogue.signing import remember_key, sign as sign_manifest  # noqa: PLC0415 - as above
    from falaj.aws.registry import Registry, SignedVersion  # noqa: PLC0415 - boto3

    publishing = _Publishing.of(target, key)
    versions = list(publishing.versions(names))
    if not dry_run:
        remember_key(publishing.settings.build, publishing.signer.key)
        registry = Registry(
            publishing.connection.client("s3"),
            models=publishing.parameter(bucket_name_parameter("models")),
            registry=publishing.parameter(bucket_name_parameter("registry")),
        )
        taken = []
        for version in versions:
            signature = sign_manifest(version.folder, publishing.signer)
            found = SignedVersion(
                name=version.manifest.name,
                version=version.manifest.version,
                model=version.model_path.read_bytes(),
                file=version.manifest.file,
                manifest=(version.folder / MANIFEST_FILE).read_bytes(),
                signature=signature.read_bytes(),
            )
            try:
                registry.publish(found, publishing.signer.key)
            except LostRaceError as error:
                taken.append(
                    f"{found.name} {found.version} was published with other bytes ({error.what}); "
                    "write a new version, a published one never changes"
                )
        if taken:
            raise RefusedError(taken)
    _tell("published", publishing, versions, dry_run=dry_run, as_json=as_json)


def keys(*, as_json: AsJson = False) -> None:
    """List the publishers' public keys that this checkout knows, by fingerprint."""
    from catalogue.signing import KEYS, LocalSigner, remembered_key  # noqa: PLC0415 - as above

    settings = Settings.from_env()
    own = LocalSigner(settings.build).key.fingerprint
    known = sorted({path.stem for path in (settings.build / KEYS).glob("*.der")} | {own})
    rows = [{"fingerprint": found, "is_throw_away": found == own} for found in known]
    for found in known:
        if found != own:
            remembered_key(settings.build, found)
    remark = {True: "  [dim]this machine's, throw-away[/]", False: ""}
    lines = (f"{found}{remark[found == own]}" for found in known)
    answer({"keys": rows}, *lines, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Publishing:
    """What a command needs: the checkout, a region and who signs in it."""

    settings: Settings
    connection: Connection
    signer: "Signer"

    @classmethod
    def of(cls, target: Target, key: str) -> "_Publishing":
        from falaj.aws.kms_signing import KmsSigner  # noqa: PLC0415 - boto3

        settings = Settings.from_env()
        connection = Connection(Place.of(target, settings))
        arn = key or _parameter(connection, key_arn_parameter(MANIFESTS_PURPOSE))
        signer = KmsSigner(connection.client("kms"), arn)
        with connection.translated("name the key"):
            _public(signer)
        return cls(settings, connection, signer)

    def parameter(self, name: str) -> str:
        return _parameter(self.connection, name)

    def versions(self, names: list[str] | None) -> Iterator["BuiltVersion"]:
        from catalogue.building import built_version, held_numbers  # noqa: PLC0415 - as above
        from catalogue.reading import load_catalogue  # noqa: PLC0415 - as above

        catalogue = load_catalogue(self.settings.models)
        wanted = [catalogue.model(n) for n in names] if names else catalogue.models
        numbers = (held for spec in wanted for held in held_numbers(catalogue, spec))
        for name, number in dict.fromkeys(numbers):
            yield built_version(self.settings.build, name, number)


def _public(signer: "Signer") -> "PublisherKey":
    try:
        return signer.key
    except ValueError as error:
        raise MisuseError(f"that KMS key does not sign on curve P-256 ({error})") from error


def _parameter(connection: Connection, name: str) -> str:
    with connection.translated(f"give {name}"):
        ssm = connection.client("ssm")
        try:
            return str(ssm.get_parameter(Name=name)["Parameter"]["Value"])
        except ssm.exceptions.ParameterNotFound:
            pass
    raise MisuseError(f"{connection.place.name} has no {name}; deploy FalajFoundation first")


def _tell(
    done: str,
    publishing: _Publishing,
    versions: "list[BuiltVersion]",
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    fingerprint = publishing.signer.key.fingerprint
    rows: list[dict[str, Any]] = [
        {"name": v.manifest.name, "version": v.manifest.version, "sha256": v.manifest.sha256}
        for v in versions
    ]
    mark = "[dim]would be[/]" if dry_run else "[green]✓[/]"
    answer(
        {done: [] if dry_run else rows, "would": rows if dry_run else [], "publisher": fingerprint},
        *(f"{mark} {done} {escape(row['name'])} {row['version']}" for row in rows),
        f"publisher {fingerprint}",
        f'[dim]pin it in cdk.json: "falaj:publisherKey": "{fingerprint}"[/]',
        as_json=as_json,
    )
