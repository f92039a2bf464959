"""`falaj rollout status`, `watch` and `history`: what is, what happens, what was decided."""

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli.completion import model_names
from cli.exits import Exit
from cli.failures import MisuseError
from cli.options import AsJson
from cli.printing import answer, console
from cli.region.connection import Connection
from cli.region.target import Target, TargetOption
from cli.rollout.archive import Archive
from cli.rollout.client import RolloutClient
from cli.rollout.following import next_step
from cli.rollout.measuring import Meter
from cli.rollout.options import Model, connect
from cli.rollout.picture import Picture, document
from cli.rollout.strokes import percent
from cli.rollout.view import board, log_table, phase_text
from cli.rollout.watching import Observer, Watch, ending, follow
from falaj.domain.codec import encode
from falaj.domain.rollout import Rollout

PUBLIC_KEY_FILE: Final = "public-key.pem"
"""What `history --save` calls the key that `replay --public-key` takes."""


def status(
    model: Annotated[
        str | None, typer.Argument(help="Model name.", autocompletion=model_names)
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="One line for each model.")] = False,
    target: TargetOption = Target.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show where a rollout is, or where all of them are."""
    if (model is None) is not every:
        raise MisuseError("name one model, or say --all")
    connection = connect(target)
    if model is not None:
        picture = _observer(connection, model).look()
        answer(document(picture), board(picture), as_json=as_json)
        return
    client = RolloutClient(connection)
    rollouts = [client.status(name) for name in client.models()]
    now = client.clock.now()
    documents = [
        document(Picture(rollout=r, measured=None, at=now, unmeasured_because="--all asks nobody"))
        for r in rollouts
    ]
    shown = (
        _overview([(r, next_step(r, now)) for r in rollouts])
        if rollouts
        else "[dim]no model has a release yet[/]"
    )
    answer({"rollouts": documents}, shown, as_json=as_json)


def watch(
    model: Model,
    *,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait",
            help="End with the rollout: 0 promoted, 3 rolled back or aborted, 4 inconclusive.",
        ),
    ] = False,
    every: Annotated[
        int, typer.Option("--every", help="Seconds between two looks.", min=1, max=3600)
    ] = 5,
    target: TargetOption = Target.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Watch a rollout live until Ctrl-C: shares, evidence, bad rates, alarms, decisions.

    Into a pipe it writes look after look.
    """
    if as_json and not (once or wait):
        raise MisuseError("--json prints one document: say --once, or --wait for the last one")
    observer = _observer(connect(target), model)
    if once:
        picture = observer.look()
        answer(document(picture), board(picture), as_json=as_json)
        return
    out = console()
    try:
        if as_json:
            ended = follow(observer, lambda _: None, every_s=every, until_over=True)
            answer(document(ended), as_json=True)
        elif out.is_terminal:
            ended = Watch(observer=observer, console=out, every_s=every, until_over=wait).run()
        else:
            ended = follow(observer, lambda p: out.print(board(p)), every_s=every, until_over=wait)
    except KeyboardInterrupt:
        return  # how a person ends it
    raise typer.Exit(ending(ended) or Exit.PASSED)


def history(
    model: Model,
    *,
    save: Annotated[
        Path | None,
        typer.Option("--save", help="Fetch every signed decision record into this folder."),
    ] = None,
    target: TargetOption = Target.LOCAL,
    as_json: AsJson = False,
) -> None:
    """List a model's last decisions: what, when, who and why."""
    connection = connect(target)
    rollout = RolloutClient(connection).status(model)
    saved = [] if save is None else [str(path) for path in _save(Archive(connection), model, save)]
    shown = log_table(rollout.log) if rollout.log else "[dim]nothing was decided yet[/]"
    answer(
        {"model": model, "decisions": encode(rollout.log), "saved": saved},
        shown,
        *(f"[green]✓[/] {escape(path)}" for path in saved),
        as_json=as_json,
    )


def _overview(rollouts: list[tuple[Rollout, str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("model", "phase", "candidate", "share", "stable", "next"):
        table.add_column(heading, overflow="fold")
    for rollout, following in rollouts:
        table.add_row(
            Text(rollout.model, "bold"),
            phase_text(rollout),
            rollout.candidate or "-",
            percent(rollout.share),
            rollout.stable or "-",
            Text(following),
        )
    return table


def _save(archive: Archive, model: str, folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    saved = []
    for name, content in archive.records(model):
        saved.append(folder / name)
        saved[-1].write_bytes(content)
    if key := archive.public_key():
        saved.append(folder / PUBLIC_KEY_FILE)
        saved[-1].write_bytes(key)
    return saved


def _observer(connection: Connection, model: str) -> Observer:
    client = RolloutClient(connection)
    return Observer(client=client, meter=Meter(connection), model=model, clock=client.clock)
