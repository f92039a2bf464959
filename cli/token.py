"""`falaj token`: a token that the local region believes."""

from typing import Annotated, Final

import typer

from cli.access import every_scope, mint
from cli.failures import MisuseError
from cli.options import AsJson, example
from cli.printing import answer
from cli.settings import Settings
from falaj.domain.claims import TENANT

EXAMPLE: Final = example(
    "falaj token",
    "falaj token --tenant globex --scope model:tashkeel:invoke --minutes 5",
    'FALAJ_TOKEN="$(falaj token)" falaj infer tashkeel --example',
)


def token(
    *,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="What it opens; everything in the catalogue by default."),
    ] = None,
    tenant: Annotated[str, typer.Option("--tenant", help="On whose behalf.")] = "acme",
    subject: Annotated[str, typer.Option("--subject", help="Whom it is for.")] = "falaj-cli",
    minutes: Annotated[
        float, typer.Option("--minutes", help="How long it is valid; below 0 it has expired.")
    ] = 720,
    as_json: AsJson = False,
) -> None:
    """Mint a token of this machine's own issuer; no deployment believes it."""
    if not TENANT.fullmatch(tenant):
        raise MisuseError(f"--tenant {tenant!r} is no tenant's name")
    settings = Settings.from_env()
    scopes = scope or every_scope(settings)
    minted = mint(settings, tenant=tenant, scopes=scopes, subject=subject, lifetime_s=60 * minutes)
    if as_json:
        answer({"token": minted, "tenant": tenant, "scopes": scopes}, as_json=True)
    else:
        typer.echo(minted)  # as it is: a wrapped token cannot be pasted
