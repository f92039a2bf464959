"""The noun and its verbs."""

import secrets
import time
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress as Bar, TimeRemainingColumn

from cli.batch.client import RUNNING, BatchClient
from cli.batch.uploading import make_bucket, uploaded
from cli.batch.view import document, exit_of, sentence
from cli.completion import model_names
from cli.failures import MisuseError
from cli.options import AsJson, DryRun, example
from cli.printing import answer, console
from cli.region.connection import Connection
from cli.region.target import Place as Region, Target, TargetOption
from cli.settings import Settings
from falaj.domain.objects import Place
from falaj.errors import BatchRefusedError

LOOK_EVERY_S: Final = 1.0
MIB: Final = 1024 * 1024

Run = Annotated[
    str, typer.Argument(metavar="RUN", help="The run's name, as `falaj batch list` shows it.")
]
Allow = Annotated[
    int, typer.Option("--allow", min=0, help="Quarantined records up to which the exit is 0.")
]


def run(  # noqa: PLR0913 - a command has as many parameters as options
    source: Annotated[
        str,
        typer.Argument(
            help="Where the records are, JSON Lines or CSV: s3://bucket/prefix; on the local "
            "region also a file or a folder."
        ),
    ],
    destination: Annotated[str, typer.Argument(help="Where the answers go: s3://bucket/prefix.")],
    *,
    model: Annotated[str, typer.Option("--model", help="Model name.", autocompletion=model_names)],
    version: Annotated[
        str, typer.Option("--version", help="The model's version; what `live` serves by default.")
    ] = "",
    allow: Allow = 0,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=1000, help="Shards answered at a time.")
    ] = 10,
    shard_mib: Annotated[
        int, typer.Option("--shard-mib", min=1, max=128, help="Size of a shard.")
    ] = 16,
    tolerate: Annotated[
        int,
        typer.Option(
            "--tolerate",
            min=0,
            help="Shards that may fail before the others are given up; the run is not done "
            "before they are answered, too.",
        ),
    ] = 0,
    detach: Annotated[
        bool, typer.Option("--detach", help="Begin, and do not wait for the end.")
    ] = False,
    target: TargetOption = Target.LOCAL,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Answer every record below a prefix exactly once; whatever is stopped goes on when repeated.

    The exit is 0 if all were answered, 3 if more than --allow were quarantined, 4 if it was
    stopped, 1 if it failed. The last object written is `_SUCCESS.json`, which counts every record.
    """
    client = _client(target)
    place = _place(destination)
    if source.startswith("s3://"):
        _place(source)
    function, version = client.pinned(model, version)
    asked: dict[str, Any] = {
        "model": model,
        "model_version": version,
        "function": function,
        "source": source,
        "target": str(place),
        "shard_bytes": shard_mib * MIB,
        "concurrency": concurrency,
        "tolerated": tolerate,
    }
    if dry_run:
        call = {
            "service": "stepfunctions",
            "operation": "StartExecution",
            "region": client.connection.place.name,
            "stateMachineArn": client.machine,
            "input": asked,
        }
        answer({"would_call": call}, f"would call {call}", as_json=as_json)
        return 0
    if target is Target.LOCAL:
        make_bucket(client.connection, place)
    asked["source"] = uploaded(client.connection, source, place)
    arn = client.start(f"{model}-{secrets.token_hex(4)}", asked)
    if not detach:
        _followed(client, arn, is_shown=not as_json)
    seen = _seen(client, arn)
    answer(seen, sentence(seen), as_json=as_json)
    return 0 if detach else exit_of(seen, allow)


def status(
    execution: Run,
    *,
    allow: Allow = 0,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end.")] = False,
    target: TargetOption = Target.LOCAL,
    as_json: AsJson = False,
) -> int:
    """Say how far a run has come; the exit is that of `run`, and 4 while it is under way."""
    client = _client(target)
    arn = client.arn(execution)
    if wait:
        _followed(client, arn, is_shown=not as_json)
    seen = _seen(client, arn)
    answer(seen, sentence(seen), as_json=as_json)
    return exit_of(seen, allow)


def listed(
    *,
    most: Annotated[int, typer.Option("--most", min=1, max=100, help="How many.")] = 20,
    target: TargetOption = Target.LOCAL,
    as_json: AsJson = False,
) -> None:
    """List the newest runs."""
    client = _client(target)
    runs = [_seen(client, each["executionArn"]) for each in client.listed(most)]
    lines = [sentence(each) for each in runs] or ["no batches yet"]
    answer({"runs": runs}, *lines, as_json=as_json)


def stop(
    execution: Run,
    *,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why; kept with the run.")],
    target: TargetOption = Target.LOCAL,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Stop a run; repeated later, it goes on where it was."""
    client = _client(target)
    arn = client.arn(execution)
    seen = _seen(client, arn)
    if dry_run:
        call = {"service": "stepfunctions", "operation": "StopExecution", "executionArn": arn}
        answer({"would_call": call}, f"would call {call}", as_json=as_json)
        return
    if seen["status"] == "running":
        client.stop(arn, reason)
        seen = _seen(client, arn)
    answer(seen, sentence(seen), as_json=as_json)


def _client(target: Target) -> BatchClient:
    return BatchClient(Connection(Region.of(target, Settings.from_env())))


def _place(address: str) -> Place:
    try:
        return Place.parse(address)
    except BatchRefusedError as error:
        raise MisuseError(str(error), mend="name a bucket and a prefix") from error


def _seen(client: BatchClient, arn: str) -> dict[str, Any]:
    return document(client.described(arn), client.progress(arn))


def _followed(client: BatchClient, arn: str, *, is_shown: bool) -> None:
    """Wait for a run's end; show how far it has come, and how long the rest will take."""
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console(stderr=True), disable=not is_shown, transient=True) as bar:
        task = bar.add_task("shards", total=None)
        while client.described(arn)["status"] == RUNNING:
            progress = client.progress(arn)
            bar.update(task, completed=progress.done, total=progress.total)
            time.sleep(LOOK_EVERY_S)


VERBS: Final[tuple[tuple[str, Callable[..., Any], str], ...]] = (
    (
        "run",
        run,
        example(
            "falaj batch run s3://rows-me-central-1/june s3://rows-me-central-1/june-answers "
            "--model breast-cancer",
            "falaj batch run rows.csv s3://rows-me-central-1/answers --model breast-cancer",
        ),
    ),
    ("status", status, example("falaj batch status breast-cancer-1f2e3d4c --wait")),
    ("list", listed, example("falaj batch list --json")),
    ("stop", stop, example("falaj batch stop breast-cancer-1f2e3d4c --reason 'wrong prefix'")),
)

app = typer.Typer(
    help="Answer a prefix of records, each exactly once.",
    epilog=example("falaj batch list"),
    no_args_is_help=True,
)
for _name, _command, _epilog in VERBS:
    app.command(_name, epilog=_epilog)(_command)
