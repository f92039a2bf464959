"""`falaj rollout replay`: a recorded decision made again, offline."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.text import Text

from cli.exits import Exit
from cli.failures import MisuseError
from cli.options import AsJson
from cli.printing import answer


def replay(
    record: Annotated[str, typer.Argument(help="A decision record; - is standard input.")],
    *,
    signature: Annotated[
        Path | None, typer.Option("--signature", help="Its signature, as it lies beside it.")
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option("--public-key", help="The signing key's public half, PEM or DER.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a recorded decision again, offline; exit 3 if it comes out differently."""
    from cli.rollout.replaying import check  # noqa: PLC0415 - only this verb needs cryptography

    if (signature is None) is not (public_key is None):
        raise MisuseError("--signature and --public-key go together")
    checked = check(
        sys.stdin.buffer.read() if record == "-" else _read(Path(record)),
        signature=_read(signature) if signature else b"",
        public_key=_read(public_key) if public_key else b"",
    )
    found = checked.document()
    subject = f"{found['model']} #{found['generation']} of {found['at']}: {found['phase']}"
    mark = "[bold red]✗[/]" if checked.differences else "[green]✓[/]"
    says = "comes out differently" if checked.differences else "follows from its inputs"
    signed = (
        f"[green]✓[/] signed by the key with sha256 {checked.signed_by}"
        if checked.signed_by
        else "[dim]no signature was verified[/]"
    )
    answer(
        found,
        f"{mark} {escape(subject)} {says}",
        Text(f"  {found['reason']}", "dim"),
        *(Text(f"  {line}", "red") for line in checked.differences),
        signed,
        as_json=as_json,
    )
    if checked.differences:
        raise typer.Exit(Exit.REFUSED)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MisuseError(f"{path}: {error.strerror or error}") from error
