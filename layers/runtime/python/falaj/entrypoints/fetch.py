"""A replica's models are put in place before it serves: one archive, unpacked whole or not at all.

What is unpacked is believed by nobody: our container checks every manifest's signature and every
model's digest when it starts. Triton does not, so before it the same is checked here.
"""

import hashlib
import json
import re
import shutil
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from falaj import contract
from falaj.config.environment import Environment
from falaj.domain.clock import SystemClock
from falaj.domain.manifest import Manifest
from falaj.engines.folders import name_and_version
from falaj.engines.trust import check_signature, packaged_publisher
from falaj.errors import ArtefactError, FalajError, UntrustedArtefactError
from falaj.telemetry.refusal import refusal_line

EXIT_OK: Final = 0
EXIT_ERROR: Final = 1
MOST_BYTES: Final = 64 * 1024**3
"""More than the memory of any GPU here; an archive that says so is no model."""
_CHUNK: Final = 8 * 1024 * 1024

Download = Callable[[str, str, Path], None]
"""Puts an object (bucket, key) into a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """What is fetched, and where to.

    Attributes:
        bucket: The archive's bucket.
        key: The archive's key.
        root: Folder that becomes the model root.
        publisher_key: Fingerprint of the key that must have signed every manifest; empty leaves
            that to the server.
    """

    bucket: str
    key: str
    root: Path
    publisher_key: str = ""

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings.

        Args:
            environment: What to read instead of the process's own.

        Raises:
            ConfigurationError: With every fault found.
        """
        env = Environment(environment)
        archive = env.needed(contract.ENV_MODEL_ARCHIVE, "the archive of models, s3://bucket/key")
        match = re.fullmatch(r"s3://([^/]+)/(\S+)", archive)
        if archive and match is None:
            env.blame(contract.ENV_MODEL_ARCHIVE, archive, "write s3://bucket/key")
        root = env.needed(contract.ENV_MODEL_ROOT, "the folder of models")
        env.check()
        bucket, key = match.groups() if match else ("", "")
        return cls(
            bucket=bucket,
            key=key,
            root=Path(root),
            publisher_key=env.text(contract.ENV_PUBLISHER_KEY),
        )


def main(environment: Mapping[str, str] | None = None, *, download: Download | None = None) -> int:
    """Fetch and unpack; write one line of what was done.

    Args:
        environment: The settings.
        download: How objects are had; by default by boto3.
    """
    try:
        settings = FetchSettings.from_env(environment)
        files = fetch(settings, download or _by_boto3)
        if settings.publisher_key:
            check(settings.root, settings.publisher_key)
    except (FalajError, OSError) as error:
        if isinstance(error, UntrustedArtefactError):
            now = SystemClock().now()
            sys.stdout.write(refusal_line(error, model="", release="", at=now) + "\n")
        sys.stderr.write(f"falaj: {error}\n")
        return EXIT_ERROR
    line = {"level": "INFO", "message": "fetched", "files": files, "key": settings.key}
    sys.stdout.write(json.dumps(line) + "\n")
    return EXIT_OK


def fetch(settings: FetchSettings, download: Download) -> int:
    """Put the archive's files below the root; return how many.

    Raises:
        ArtefactError: It is not there, no archive, or names a file outside the root.
        OSError: The disk is full or cannot be written.
    """
    settings.root.mkdir(parents=True, exist_ok=True)
    archive = settings.root / ".archive.zip"
    name = f"s3://{settings.bucket}/{settings.key}"
    try:
        download(settings.bucket, settings.key, archive)
        with zipfile.ZipFile(archive) as opened:
            members = [info for info in opened.infolist() if not info.is_dir()]
            _check(members, name)
            for info in members:
                _unpack(opened, info, settings.root / info.filename)
    except zipfile.BadZipFile as error:
        raise ArtefactError(artefact=name, reason=f"it is no zip ({error})") from error
    finally:
        archive.unlink(missing_ok=True)
    return len(members)


def check(root: Path, publisher_key: str) -> None:
    """Return if the publisher signed every manifest and every model is what its manifest says.

    Raises:
        ArtefactError: Something is unsigned, altered or missing.
    """
    publisher = packaged_publisher(str(root), publisher_key)
    manifests = sorted(root.glob(f"*/*/{contract.MANIFEST_FILE}"))
    if not manifests:
        raise ArtefactError(artefact=str(root), reason="there is no manifest in it")
    for path in manifests:
        content = path.read_bytes()
        check_signature(str(path), content, publisher)
        manifest = Manifest.from_dict(json.loads(content))
        if name_and_version(str(path)) != (manifest.name, str(manifest.version)):
            raise UntrustedArtefactError(
                artefact=str(path),
                reason=f"it is of {manifest.name}/{manifest.version}, and lies in another folder",
            )
        with (path.parent / manifest.file).open("rb") as model:
            found = hashlib.file_digest(model, "sha256").hexdigest()
        said = manifest.sha256
        if found != said:
            raise UntrustedArtefactError(
                artefact=str(path.parent), reason=f"its digest is {found}, its manifest's {said}"
            )


def _check(members: list[zipfile.ZipInfo], name: str) -> None:
    for info in members:
        parts = Path(info.filename).parts
        if Path(info.filename).is_absolute() or ".." in parts:
            raise ArtefactError(artefact=name, reason=f"{info.filename!r} leads out of the folder")
    if sum(info.file_size for info in members) > MOST_BYTES:
        raise ArtefactError(artefact=name, reason=f"it unpacks to over {MOST_BYTES} bytes")


def _unpack(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    with opened.open(info) as source, partial.open("wb") as sink:
        shutil.copyfileobj(source, sink, _CHUNK)
    partial.replace(target)


def _by_boto3(bucket: str, key: str, target: Path) -> None:
    import boto3  # noqa: PLC0415 - a container that fetched nothing does without
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        boto3.client("s3").download_file(bucket, key, str(target))
    except (ClientError, BotoCoreError) as error:
        raise ArtefactError(artefact=f"s3://{bucket}/{key}", reason=str(error)) from error
