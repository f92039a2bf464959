"""`falaj audit`: what can be proved of the synthesized stacks, and of what was recorded."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from audits.findings import Proof, Report
from cli import tenant_keys, trail
from cli.deployable import synthesize_for_lambda
from cli.exits import Exit
from cli.options import AsJson, Profile, example
from cli.printing import answer, progress
from cli.settings import Settings
from cli.synthesis import is_current, synthesize

if TYPE_CHECKING:
    from audits.iam import RoleRights

_INDENT: Final = (0, 0, 0, 4)

app: Final = typer.Typer(
    no_args_is_help=True,
    help="Proofs: of the synthesized stacks (alarms, residency, rights), and of the audit trail.",
    epilog=example("falaj audit alarms"),
)

for _name, _verb, _example in (
    ("verify", trail.verify, "falaj audit verify --target aws"),
    ("who", tenant_keys.who, "falaj audit who bank 784-1990-1234567-1"),
    ("new-key", tenant_keys.new_key, "falaj audit new-key bank --target aws"),
    ("erase", tenant_keys.erase, "falaj audit erase bank --dry-run"),
):
    app.command(_name, epilog=example(_example))(_verb)

CdkOut = Annotated[
    Path | None,
    typer.Option(
        "--cdk-out", help="A synthesized assembly; the catalogue's own, made anew, if not given."
    ),
]


DeployableOut = Annotated[
    Path | None,
    typer.Option(
        "--cdk-out",
        help="An assembly synthesized for Lambda; the catalogue's own, made anew, if not given.",
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


@app.command("dashboards", epilog=example("falaj audit dashboards"))
def dashboards(*, cdk_out: CdkOut = None, as_json: AsJson = False) -> None:
    """Prove that every line of every dashboard draws what somebody emits; exit 3 if not."""
    from audits.dashboards import examine  # noqa: PLC0415 - as in `alarms`

    report = examine(cdk_out or _synthesized(as_json=as_json))
    document = {
        "ok": not report.findings,
        "dashboards": [asdict(proven) for proven in report.dashboards],
        "findings": [asdict(finding) for finding in report.findings],
    }
    told = [f"[bold red]✗[/] {escape(str(finding))}" for finding in report.findings]
    told += [
        f"[green]✓[/] {escape(proven.name)} ({escape(proven.stack)}): {proven.widgets} widgets, "
        f"{proven.metrics} metrics and searches"
        for proven in report.dashboards
    ]
    answer(document, *told, as_json=as_json)
    if report.findings:
        raise typer.Exit(Exit.REFUSED)


@app.command(
    "residency",
    epilog=example(
        "falaj audit residency", "falaj audit residency --profile enterprise --html evidence.html"
    ),
)
def residency(
    *,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the evidence as one page to this file.")
    ] = None,
    profile: Profile = None,
    cdk_out: DeployableOut = None,
    as_json: AsJson = False,
) -> None:
    """Gather the evidence that nothing leaves the country; exit 3 if a rule is broken."""
    from audits.residency import gather  # noqa: PLC0415 - as in `alarms`
    from audits.residency_page import page  # noqa: PLC0415

    evidence = gather(cdk_out or _deployable(profile, as_json=as_json))
    if html is not None:
        html.write_text(page(evidence), encoding="utf-8")
    told = [f"[bold red]✗[/] {escape(fault)}" for fault in evidence.faults]
    summary = (
        f"{len(evidence.rules)} rules on {len(evidence.evaluation.looked)} resources of "
        f"{len(evidence.stacks)} stacks, profile {', '.join(evidence.profiles) or 'unknown'}; "
        f"{len(evidence.waivers)} exceptions"
    )
    mark = "[bold red]✗[/]" if told else "[green]✓[/]"
    where = [f"[dim]·[/] the page is {escape(str(html))}"] if html else []
    answer(evidence.document(), *told, f"{mark} {summary}", *where, as_json=as_json)
    if told:
        raise typer.Exit(Exit.REFUSED)


@app.command("iam", epilog=example("falaj audit iam", "falaj audit iam --json"))
def iam(*, profile: Profile = None, cdk_out: DeployableOut = None, as_json: AsJson = False) -> None:
    """Say in sentences what each role may do."""
    from audits.iam import rights  # noqa: PLC0415 - as in `alarms`

    roles = rights(cdk_out or _deployable(profile, as_json=as_json))
    told: list[RenderableType] = []
    for role in roles:
        told.append(_role(role))
        told += [Padding(f"may {escape(text)}", _INDENT) for text in role.may]
        told += [Padding(f"may not {escape(text)}", _INDENT) for text in role.may_not]
    answer({"roles": [asdict(role) for role in roles]}, *told, as_json=as_json)


def _role(role: "RoleRights") -> str:
    bound = escape(role.bounded_by or "NOTHING")
    return f"[bold]{escape(role.role)}[/], taken by {escape(role.taken_by)}, bounded by {bound}"


def _deployable(profile: str | None, *, as_json: bool) -> Path:
    """Synthesize for Lambda, as `cdk deploy` would, into a folder of its own."""
    settings = Settings.from_env()
    if profile is not None:
        settings = replace(settings, profile=profile)
    progress(f"synthesizing profile {settings.profile} for Lambda", as_json=as_json)
    return synthesize_for_lambda(settings)


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
