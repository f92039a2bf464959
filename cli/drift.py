"""`falaj drift`: whether models are still asked, and answer, what they were registered with."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from cli.completion import model_names
from cli.exits import Exit
from cli.failures import MisuseError
from cli.options import AsJson, example
from cli.printing import answer
from cli.region.connection import Connection
from cli.region.target import Place, Target, TargetOption
from cli.settings import Settings
from falaj.contract import DRIFT_PURPOSE, bucket_name_parameter
from falaj.errors import DependencyError

Model = Annotated[
    str,
    typer.Argument(help="The model.", show_default=False, autocompletion=model_names),
]
_EXITS: Final = {"drifted": Exit.REFUSED, "not_enough": Exit.INCONCLUSIVE, "steady": Exit.PASSED}
_SHOWN: Final = {"drifted": "[red]drifted[/]", "not_enough": "not enough", "steady": "steady"}
_WORST: Final = 5


def status(
    model: Annotated[
        str,
        typer.Argument(
            help="One model; all of them if none is named.",
            show_default=False,
            autocompletion=model_names,
        ),
    ] = "",
    *,
    target: TargetOption = Target.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Say of each watched version whether it has drifted.

    Exit 3 if one has, 4 if none has and one cannot be judged yet.
    """
    found = _reports(target, model)
    table = Table("model", "version", "state", "index", "features that drifted", box=None)
    for each in found:
        drifted = ", ".join(map(escape, each["drifted"])) or "none"
        state = _SHOWN[each["state"]]
        table.add_row(each["model"], str(each["version"]), state, f"{each['psi']:.3f}", drifted)
    empty = "no window of a watched model has ended yet"
    answer({"versions": found}, table if found else empty, as_json=as_json)
    _leave(found)


def report(
    model: Model,
    *,
    html: Annotated[
        Path | None, typer.Option("--html", help="Also write the newest version's page here.")
    ] = None,
    target: TargetOption = Target.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show what the last windows say of a model, feature by feature, the worst first.

    Of a model with several versions it is the newest that has a report. Exits are those of
    `falaj drift status`.
    """
    found = _reports(target, model)
    if not found:
        raise MisuseError(
            f"no window of {model} has ended yet, or nobody watches it",
            mend="see `falaj drift status`",
        )
    newest = found[-1]
    if html is not None:
        from falaj.drift.page import page  # noqa: PLC0415 - few ask for it

        html.write_text(page(newest), encoding="utf-8")
    table = Table("feature", "index", "p", "drifted", box=None)
    for each in newest["features"][:_WORST]:
        known = each["psi"] is not None
        table.add_row(
            escape(each["name"]),
            f"{each['psi']:.3f}" if known else "too few rows",
            f"{each['p_value']:.2g}" if known else "",
            "yes" if each["drifted"] else "no",
        )
    said = f"{model} {newest['version']}: {_SHOWN[newest['state']]}, as of {newest['at']}"
    answer(newest, said, table, as_json=as_json)
    _leave([newest])


def _reports(target: Target, model: str) -> list[dict[str, Any]]:
    """Read the reports of all watched versions, or of one model's."""
    from falaj.aws.drift_store import DriftStore  # noqa: PLC0415 - boto3, for these commands only

    connection = Connection(Place.of(target, Settings.from_env()))
    ssm = connection.client("ssm")
    with connection.translated("say where counts are kept"):
        try:
            name = bucket_name_parameter(DRIFT_PURPOSE)
            bucket = str(ssm.get_parameter(Name=name)["Parameter"]["Value"])
        except ssm.exceptions.ParameterNotFound:
            raise MisuseError(
                f"{connection.place.name} watches no model",
                mend="write drift into its model.yaml, and deploy it or run `falaj up`",
            ) from None
    try:
        found = DriftStore(connection.client("s3"), bucket).reports()
    except DependencyError as error:
        with connection.translated("give the reports of drift"):
            raise error.__cause__ or error from error
    return [each for each in found if model in {"", each["model"]}]


def _leave(found: list[dict[str, Any]]) -> None:
    states = {each["state"] for each in found}
    for state in ("drifted", "not_enough"):
        if state in states:
            raise typer.Exit(_EXITS[state])
    if not found:
        raise typer.Exit(Exit.INCONCLUSIVE)


app = typer.Typer(
    help="Whether models are still asked what they were made for.",
    epilog=example("falaj drift status"),
    no_args_is_help=True,
)
VERBS: Final = (
    ("status", status, example("falaj drift status", "falaj drift status churn --json")),
    ("report", report, example("falaj drift report breast-cancer --html drift.html")),
)
for _name, _verb, _example in VERBS:
    app.command(_name, epilog=_example)(_verb)
