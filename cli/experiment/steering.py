"""`falaj experiment start`, `grow`, `decide` and `stop`: what a person may ask for."""

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.text import Text

from cli.experiment.client import AnalystClient, Named
from cli.experiment.looking import next_step
from cli.experiment.options import Experiment, Reason, analyst, named, reason_given
from cli.experiment.sources import read_spec
from cli.failures import MisuseError
from cli.options import AsJson, DryRun
from cli.printing import answer
from cli.region.target import Target, TargetOption


class Choice(StrEnum):
    """What becomes of the traffic."""

    PROMOTE = "promote"
    REVERT = "revert"


def start(
    spec_file: Annotated[
        Path, typer.Argument(metavar="SPEC", help="The declaration, YAML or JSON.")
    ],
    *,
    reason: Reason,
    target: TargetOption = Target.LOCAL,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Start an experiment as declared; nothing that decides its verdict can change afterwards.

    Exit 3 if it cannot run as things stand, with every reason.
    """
    spec = read_spec(spec_file)
    order = {"verb": "start", "spec": spec.to_dict()}
    _send(order, Named(model=spec.model, experiment=spec.name), reason, target, dry_run, as_json)


def grow(
    experiment: Experiment,
    *,
    coverage: Annotated[
        float, typer.Option("--coverage", help="Part of all subjects that takes part from now on.")
    ],
    reason: Reason,
    target: TargetOption = Target.LOCAL,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Let more subjects take part in a running sticky experiment; nobody's arm changes.

    Exit 3 if it is over, or if anybody would lose the arm they have.
    """
    if not 0 < coverage <= 1:
        raise MisuseError(f"--coverage {coverage:g} is not in (0, 1]")
    order = {"verb": "grow", "coverage": coverage}
    _send(order, named(experiment), reason, target, dry_run, as_json)


def decide(
    experiment: Experiment,
    choice: Annotated[Choice, typer.Argument(help="Promote an arm, or revert to the control.")],
    *,
    reason: Reason,
    arm: Annotated[
        str, typer.Option("--arm", help="The arm to promote; the winner, or the only one.")
    ] = "",
    target: TargetOption = Target.LOCAL,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """End an experiment by hand: promote an arm, or go back to the control."""
    order = {"verb": "decide", "choice": choice.value, "arm": arm}
    _send(order, named(experiment), reason, target, dry_run, as_json)


def stop(
    experiment: Experiment,
    *,
    reason: Reason,
    target: TargetOption = Target.LOCAL,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Stop an experiment without a decision; the control answers everyone."""
    _send({"verb": "stop"}, named(experiment), reason, target, dry_run, as_json)


def _send(
    order: Mapping[str, Any],
    about: Named,
    reason: str,
    target: Target,
    dry_run: bool,  # noqa: FBT001 - as the command line has it
    as_json: bool,  # noqa: FBT001 - as above
) -> None:
    said = reason_given(reason)
    client = analyst(target)
    named_ = {} if "spec" in order else {"model": about.model, "experiment": about.experiment}
    payload = {"command": {**order, **named_, "actor": client.actor(), "reason": said}}
    if dry_run:
        _show_call(client, payload, as_json=as_json)
        return
    status = client.ask(payload, about)["status"]
    answer(
        {"status": status},
        f"[green]✓[/] {escape(str(about))} is {status['phase']}: {escape(status['reason'])}",
        f"[dim]next:[/] {escape(next_step(status))}",
        as_json=as_json,
    )


def _show_call(client: AnalystClient, payload: Mapping[str, Any], *, as_json: bool) -> None:
    call = client.call(payload)
    line = f"{call['service']}:{call['operation']} {call['FunctionName']} at {call['region']}"
    answer(
        {"would_call": call},
        f"would call {escape(line)}",
        Text(json.dumps(call["Payload"], ensure_ascii=False), "cyan"),
        as_json=as_json,
    )
