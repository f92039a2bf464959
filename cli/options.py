"""Options that several commands share, so that they are spelled and explained alike."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, errors included.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and do none of it.")
]


def example(*lines: str) -> str:
    """Write the example that ends a command's help."""
    return "\n\n".join(("[dim]Example:[/]", *(f"  [cyan]$ {line}[/]" for line in lines)))
