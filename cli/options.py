"""Options that several commands share, so that they are spelled and explained alike."""

from typing import Annotated

import typer

from cli.completion import access_names, profile_names
from cli.settings import PROFILES

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, errors included.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and do none of it.")
]

Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help=f"{' or '.join(PROFILES)} (FALAJ_PROFILE).",
        autocompletion=profile_names,
    ),
]
Asked = Annotated[
    str,
    typer.Option(
        "--access",
        help="What callers must show: open (nothing), jwt (a token) or iam (a signature); smb "
        "asks nothing by default, enterprise a token.",
        autocompletion=access_names,
    ),
]
TenantsFile = Annotated[
    str, typer.Option("--tenants", help="File of tenants' rate, burst and concurrency.")
]


def example(*lines: str) -> str:
    """Write the example that ends a command's help."""
    return "\n\n".join(("[dim]Example:[/]", *(f"  [cyan]$ {line}[/]" for line in lines)))
