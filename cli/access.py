"""What the local API asks of callers, and what to show it."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from cli.settings import Settings
from falaj.contract import REGION
from falaj.domain.clock import SystemClock
from falaj.domain.routes import READ_PLATFORM

ISSUER_FOLDER: Final = "issuer"


def issuer_folder(settings: Settings) -> Path:
    """Return where this machine's token issuer keeps its key."""
    return settings.build / ISSUER_FOLDER


def access_context(settings: Settings) -> list[str]:
    """Return the deployment settings with which the local API asks what it shall ask.

    A token's issuer is this machine's own; its key is made when it is first needed.
    """
    given = {"access": settings.access}
    if settings.access == "jwt":
        from local_region.issuer import (  # noqa: PLC0415 - `falaj --help` needs no keys
            AUDIENCE,
            ISSUER,
            KEYS_FILE,
            LocalIssuer,
        )

        folder = issuer_folder(settings)
        LocalIssuer.open(folder)
        keys = str((folder / KEYS_FILE).relative_to(settings.root))
        given |= {"jwtIssuer": ISSUER, "jwtAudience": AUDIENCE, "jwtKeys": keys}
    if settings.tenants:
        given["tenants"] = settings.tenants
    return [word for key, value in given.items() for word in ("-c", f"falaj:{key}={value}")]


def every_scope(settings: Settings) -> list[str]:
    """Return scopes that open everything in the catalogue."""
    from catalogue.reading import load_catalogue  # noqa: PLC0415 - as above

    models = load_catalogue(settings.models).models
    return [READ_PLATFORM, *dict.fromkeys(scope for spec in models for scope in spec.scopes)]


def mint(
    settings: Settings,
    *,
    tenant: str = "",
    scopes: Sequence[str] = (),
    lifetime_s: float | None = None,
    subject: str = "",
) -> str:
    """Return a token that the local API believes.

    Args:
        settings: Where the issuer's key lies.
        tenant: On whose behalf; the usual one by default.
        scopes: What it opens; everything in the catalogue by default.
        lifetime_s: How long it is valid; twelve hours by default.
        subject: Whom it is for.
    """
    from local_region.issuer import LIFETIME_S, TENANT, LocalIssuer  # noqa: PLC0415 - as above

    return LocalIssuer.open(issuer_folder(settings)).token(
        clock=SystemClock(),
        tenant=tenant or TENANT,
        scopes=scopes or every_scope(settings),
        subject=subject or "falaj-cli",
        lifetime_s=LIFETIME_S if lifetime_s is None else lifetime_s,
    )


def what_to_show(settings: Settings) -> dict[str, Any]:
    """Return what a caller shows, ready to use: a token, or credentials, or nothing."""
    if settings.access == "jwt":
        return {"token": mint(settings)}
    if settings.access == "iam":
        from local_region.credentials import LocalCredentials  # noqa: PLC0415 - as above

        key = LocalCredentials.open(issuer_folder(settings))
        return {"aws_access_key_id": key.access_key, "aws_secret_access_key": key.secret_key}
    return {}


def curl_words(shown: dict[str, Any]) -> str:
    """Return what `curl` needs to show it, with a space at the end; empty for nothing.

    Example:
        >>> curl_words({"token": "abc"})
        "-H 'authorization: Bearer abc' "
    """
    if token := shown.get("token"):
        return f"-H {shlex.quote(f'authorization: Bearer {token}')} "
    if key := shown.get("aws_access_key_id"):
        user = shlex.quote(f"{key}:{shown['aws_secret_access_key']}")
        return f"--aws-sigv4 aws:amz:{REGION}:execute-api --user {user} "
    return ""


def fingerprint_of(settings: Settings) -> str:
    """Return what of access decides the stacks: the words, and the files they name."""
    files = [settings.root / settings.tenants] if settings.tenants else []
    if settings.access == "jwt":
        files.append(issuer_folder(settings) / "jwks.json")
    texts = [path.read_text(encoding="utf-8") if path.is_file() else "" for path in files]
    return json.dumps([settings.access, settings.tenants, *texts])
