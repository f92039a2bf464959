"""The stacks are synthesized in a process of their own, and only when their inputs changed."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from cli.access import access_context, fingerprint_of
from cli.leftovers import drop_leftovers
from cli.settings import Settings
from falaj.contract import ENV_PROFILE, MANIFEST_FILE
from falaj.domain.clock import Clock, SystemClock
from falaj.errors import ConfigurationError

SYSTEM_CLOCK: Final = SystemClock()
STAMP: Final = "falaj-inputs.json"
"""File in `cdk.out` that names the inputs it was made from."""

INPUTS: Final = (
    "app.py",
    "cdk.json",
    "requirements.txt",
    "analysis",
    "infra",
    "functions",
    "gpu_endpoints",
    "layers",
    "catalogue",
    "policies",
    "models",
)
"""What decides the templates and assets, besides the built models' manifests and the profile."""

OPEN: Final = ("-c", "falaj:access=open")
BYTECODE: Final = "__pycache__"
REFUSED: Final = "refused: "


def fingerprint(settings: Settings) -> str:
    """Return a digest of everything that synthesis reads.

    Models enter by their manifests, which hold the digests of their bytes.
    """
    digest = hashlib.sha256(
        json.dumps(
            [settings.profile, sys.version_info[:3], str(settings.root), fingerprint_of(settings)]
        ).encode()
    )
    for path in sorted(_inputs(settings)):
        digest.update(str(path.relative_to(settings.root)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_current(settings: Settings) -> bool:
    """Whether `cdk.out` was made from the inputs as they are now."""
    try:
        stamp = json.loads((settings.cdk_out / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(stamp, dict) and stamp.get("inputs") == fingerprint(settings)


def synthesize(settings: Settings, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """Write `cdk.out` anew, as `cdk synth` would; copies of old that it names no more go.

    Args:
        settings: The repository, its profile and where the assembly goes.
        clock: Tells which copies are of old.

    Raises:
        ConfigurationError: The app refused its configuration or failed; in its own words.
    """
    asked = access_context(settings)  # makes the issuer's key, which the fingerprint knows
    inputs = fingerprint(settings)
    stamp = settings.cdk_out / STAMP
    stamp.unlink(missing_ok=True)
    done = subprocess.run(  # noqa: S603 - our own program and words
        [sys.executable, "app.py", *asked],
        cwd=settings.root,
        env=_environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConfigurationError(_refusals(done.stderr))
    stamp.write_text(json.dumps({"inputs": inputs}), encoding="utf-8")
    drop_leftovers(settings.build, settings.cdk_out, clock)


def synthesize_for(
    settings: Settings,
    *,
    models: Path,
    output: Path,
    only: Sequence[str],
    access: Sequence[str] = OPEN,
) -> None:
    """Write the stacks of some models of another catalogue elsewhere.

    Args:
        settings: The repository, its profile and what was built.
        models: The catalogue's folder.
        output: Where the assembly goes.
        only: Names of the models.
        access: Deployment settings that say what callers are asked for; nothing by default.

    Raises:
        ConfigurationError: The app refused its configuration or failed; in its own words.
    """
    done = subprocess.run(  # noqa: S603 - our own program and folders
        [
            *(sys.executable, "app.py", *access),
            *("-c", f"falaj:models={','.join(only)}"),
            *("--models", str(models), "--build", str(settings.build), "--output", str(output)),
        ],
        cwd=settings.root,
        env=_environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConfigurationError(_refusals(done.stderr))


def _environment(settings: Settings) -> dict[str, str]:
    """Tell the app where to write and for which profile (see infra.main)."""
    return {
        **os.environ,  # noqa: TID251 - handed on whole to a child, not read
        "CDK_OUTDIR": str(settings.cdk_out),
        ENV_PROFILE: settings.profile,
    }


def _inputs(settings: Settings) -> Iterator[Path]:
    for name in INPUTS:
        path = settings.root / name
        if path.is_file():
            yield path
        else:
            yield from (p for p in path.rglob("*") if p.is_file() and BYTECODE not in p.parts)
    yield from settings.built_models.glob(f"*/*/{MANIFEST_FILE}")
    # Which keys have signed decides what can be packaged; every signature of one key is as good.
    yield from (settings.build / "keys").glob("*.der")


def _refusals(stderr: str) -> tuple[str, ...]:
    """Return the refusals that the app wrote; the last thing it said if it wrote none."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    refused = tuple(line.removeprefix(REFUSED) for line in lines if line.startswith(REFUSED))
    return refused or (lines[-1] if lines else "it said nothing",)
