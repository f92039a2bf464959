"""`falaj experiment status`: where experiments stand, what was decided, and what comes next."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli.completion import experiment_names
from cli.experiment.options import analyst, named
from cli.options import AsJson
from cli.printing import answer
from cli.region.target import Target, TargetOption

_COLOURS: Final = {
    "running": "cyan",
    "held": "yellow",
    "promoted": "green",
    "reverted": "magenta",
    "stopped": "dim",
}
_HOURS: Final = 3600.0


def status(
    experiment: Annotated[
        str | None,
        typer.Argument(
            metavar="[EXPERIMENT]",
            help="MODEL/NAME, or the file of its declaration; all if none.",
            autocompletion=experiment_names,
        ),
    ] = None,
    *,
    target: TargetOption = Target.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show where an experiment stands and what was decided, or where all of them stand."""
    client = analyst(target)
    if experiment is None:
        told = client.ask({"query": {}})["experiments"]
        shown = _overview(told) if told else "[dim]no experiment was started yet[/]"
        answer({"experiments": told}, shown, as_json=as_json)
        return
    about = named(experiment)
    found = client.ask({"query": {"model": about.model, "experiment": about.experiment}}, about)
    answer({"status": found["status"]}, *_board(found["status"]), as_json=as_json)


def next_step(status: Mapping[str, Any]) -> str:
    """Say what happens next, or what a person can do."""
    name = f"{status['model']}/{status['experiment']}"
    if status["owed"]:
        return "the analyst finishes what it began, within five minutes"
    match status["phase"]:
        case "running":
            return f"the analyst looks every five minutes, until {status['ends_at']} at the latest"
        case "held":
            return f"`falaj experiment decide {name} promote|revert --reason …`"
        case _:
            return f"nothing; `falaj experiment report {name}` says what was found"


def _board(status: Mapping[str, Any]) -> Iterator[Any]:
    phase = status["phase"]
    title = Text(f"{status['model']}/{status['experiment']} ", "bold")
    title.append(phase, _COLOURS.get(phase, ""))
    if status["verdict"]:
        title.append(f" · {status['verdict'].replace('_', ' ')}")
    yield title
    yield escape(status["reason"])
    shares = ", ".join(f"{arm} {share:.1%}" for arm, share in status["arms"].items())
    part = (
        ""
        if status["coverage"] == 1
        else f", of the {100 * status['coverage']:.4g} % that take part"
    )
    yield f"[dim]arms by {status['unit']}:[/] {escape(shares + part)}"
    if status["log"]:
        yield _decisions(status["log"])
    yield f"[dim]next:[/] {escape(next_step(status))}"


def _decisions(log: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("when", "what", "who", "why"):
        table.add_column(heading, overflow="fold")
    for entry in log:
        table.add_row(
            f"{datetime.fromisoformat(entry['at']):%Y-%m-%d %H:%M}",
            entry["event"].replace("_", " "),
            Text(entry["actor"] or "the analysis"),
            Text(entry["reason"]),
        )
    return table


def _overview(found: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("experiment", "phase", "verdict", "age", "why"):
        table.add_column(heading, overflow="fold")
    for status in found:
        phase = status["phase"]
        age = status["age_s"]
        table.add_row(
            Text(f"{status['model']}/{status['experiment']}", "bold"),
            Text(phase, _COLOURS.get(phase, "")),
            (status["verdict"] or "-").replace("_", " "),
            "-" if age is None else f"{age / _HOURS:,.1f} h",
            Text(status["reason"]),
        )
    return table
