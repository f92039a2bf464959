"""`falaj rollout pause`, `resume`, `promote`, `abort`, `approve` and `undo`: what one may ask."""

import getpass
import json
import platform
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.text import Text

from cli.failures import CommandError, MisuseError
from cli.options import AsJson, DryRun
from cli.printing import answer
from cli.region.target import Target, TargetOption
from cli.rollout.client import RolloutClient
from cli.rollout.commanding import Answered, Order, Reply
from cli.rollout.following import next_step
from cli.rollout.options import Model, Reason, Version, connect
from falaj.domain.observation import Verb
from falaj.domain.rollout import Rollout
from falaj.domain.waking import APPROVE

SAYS: Final = {
    Verb.PAUSE: "Hold the share where it is; harm still rolls back.",
    Verb.RESUME: "Go on from where it was paused, and begin the step's bake again.",
    Verb.ABORT: "Take all traffic off the candidate while its rollout runs.",
    APPROVE: "Answer for a candidate of high risk, which gets no share before somebody does.",
    Verb.UNDO: "Go back to the version before, within the rollback window of a promotion.",
}
"""Verbs that take a model, a version and a reason, and nothing besides."""


def steering(verb: str) -> Callable[..., None]:
    """Return the command of a verb in `SAYS`."""

    def steer(
        model: Model,
        *,
        reason: Reason,
        version: Version = "",
        target: TargetOption = Target.LOCAL,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        _steer(_order(verb, model, version, reason), target, dry_run=dry_run, as_json=as_json)

    steer.__name__, steer.__doc__ = verb, SAYS[verb]
    return steer


def promote(
    model: Model,
    *,
    reason: Reason,
    skip_guard: Annotated[
        bool,
        typer.Option(
            "--skip-guard", help="The hotfix hatch: wait for no evidence, heed no red alarm."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask to confirm.")] = False,
    version: Version = "",
    target: TargetOption = Target.LOCAL,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give the candidate everything, if the guard calls it safe."""
    if skip_guard and not (yes or dry_run):
        _confirm(model, as_json=as_json)
    order = _order(Verb.PROMOTE, model, version, reason, skip_guard=skip_guard)
    _steer(order, target, dry_run=dry_run, as_json=as_json)


def _confirm(model: str, *, as_json: bool) -> None:
    """Ask whoever sits at the terminal whether the hatch is meant.

    Raises:
        MisuseError: There is nobody to ask.
        CommandError: The answer is no.
    """
    if as_json:
        raise MisuseError("--json cannot ask: add --yes to --skip-guard")
    if not (sys.stdin and sys.stdin.isatty()):
        raise MisuseError(
            "--skip-guard asks first, and there is no terminal to ask at",
            mend="add --yes to give all traffic without evidence, or --dry-run to see the call",
        )
    if not typer.confirm(f"Give {model}'s candidate all traffic without evidence that it is safe?"):
        raise CommandError("nothing was sent: it was not confirmed")


def _steer(order: Order, target: Target, *, dry_run: bool, as_json: bool) -> None:
    client = RolloutClient(connect(target))
    before = client.status(order.model)
    order = _addressed(order, before, client)
    if dry_run:
        call = client.call(order.payload())
        line = f"{call['service']}:{call['operation']} {call['FunctionName']} at {call['region']}"
        answer(
            {"would_call": call},
            f"would call {escape(line)}",
            Text(json.dumps(call["Payload"], ensure_ascii=False), "cyan"),
            as_json=as_json,
        )
        return
    reply = Reply.find(order, before=before, after=client.command(order.payload()))
    marks = {
        Answered.OBEYED: "[green]✓[/]",
        Answered.REFUSED: "[bold red]✗[/]",
        Answered.WAITING: "[yellow]…[/]",
    }
    now = client.clock.now()
    answer(
        reply.document(),
        f"{marks[reply.answered]} {escape(reply.sentence())}",
        f"[dim]next:[/] {escape(next_step(reply.rollout, now))}",
        as_json=as_json,
    )
    raise typer.Exit(reply.answered.exit)


def _order(verb: str, model: str, version: str, reason: str, *, skip_guard: bool = False) -> Order:
    if not reason.strip():
        raise MisuseError("--reason is empty: say why, it is recorded")
    return Order(
        model=model,
        verb=verb,
        version=version,
        reason=reason.strip(),
        actor="",
        skip_guard=skip_guard,
    )


def _addressed(order: Order, seen: Rollout, client: RolloutClient) -> Order:
    """Fill in who asks and about which version, from what the operator can see."""
    version = order.version or seen.candidate
    if not version:
        raise CommandError(
            f"{order.model} has no release to {order.verb}", mend="`falaj rollout status --all`"
        )
    is_local = client.connection.place.target is Target.LOCAL
    actor = f"{getpass.getuser()}@{platform.node()}" if is_local else client.caller()
    return replace(order, version=version, actor=actor)
