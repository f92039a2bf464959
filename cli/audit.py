"""`falaj audit`: what can be proved of the synthesized stacks before anything is deployed."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table

from audits.findings import Proof, Report
from cli.exits import Exit
from cli.options import AsJson, example
from cli.printing import answer, progress
from cli.settings import Settings
from cli.synthesis import is_current, synthesize

app: Final = typer.Typer(
    no_args_is_help=True,
    help="Proofs from the synthesized stacks: alarms.",
    epilog=example("falaj audit alarms"),
)

CdkOut = Annotated[
    Path | None,
    typer.Option(
        "--cdk-out", help="A synthesized assembly; the catalogue's own, made anew, if not given."
    ),
]


@app.command("alarms", epilog=example("falaj audit alarms", "falaj audit alarms --json"))
def alarms(*, cdk_out: CdkOut = None, as_json: AsJson = False) -> None:
    """Prove that every alarm can fire and reach the controller; exit 3 if one cannot."""
    from audits.alarms import examine  # noqa: PLC0415 - `falaj --help` needs no alarms

    report = examine(cdk_out or _synthesized(as_json=as_json))
    document = {
        "ok": not report.findings,
        "alarms": [asdict(proof) for proof in report.proofs],
        "findings": [asdict(finding) for finding in report.findings],
    }
    answer(document, _table(report.proofs), *_verdict(report), as_json=as_json)
    if report.findings:
        raise typer.Exit(Exit.REFUSED)


def _synthesized(*, as_json: bool) -> Path:
    settings = Settings.from_env()
    if not is_current(settings):
        progress("synthesizing the stacks", as_json=as_json)
        synthesize(settings)
    return settings.cdk_out


def _table(proofs: tuple[Proof, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("alarm", "fires when", "after", "then"):
        table.add_column(heading, overflow="fold")
    for proof in proofs:
        first, *others = proof.fires or (None,)
        table.add_row(
            escape(proof.alarm),
            first.harm if first else "[bold red]never[/]",
            f"{first.after_s} s" if first else "",
            proof.then,
        )
        for firing in others:
            if firing is not None:
                table.add_row("", firing.harm, f"{firing.after_s} s", "")
    return table


def _verdict(report: Report) -> list[str]:
    if not report.findings:
        return [f"[green]✓[/] {len(report.proofs)} alarms can fire, at 10 requests a second"]
    return [
        f"[bold red]✗[/] {escape(finding.alarm)} ({escape(finding.stack)}): "
        f"{escape(finding.problem)}\n  [dim]mend:[/] {escape(finding.mend)}"
        for finding in report.findings
    ]
