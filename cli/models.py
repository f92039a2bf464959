"""`falaj models`: what the catalogue holds, whether it is sound, how it is built and extended."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli.completion import model_names
from cli.failures import RefusedError
from cli.options import AsJson, example
from cli.printing import answer
from cli.settings import Settings
from falaj.contract import MANIFEST_FILE, MODEL_FILE
from falaj.errors import ConfigurationError

app: Final = typer.Typer(
    no_args_is_help=True,
    help="The catalogue: list, validate, add and build models.",
    epilog=example("falaj models list"),
)

Names = Annotated[
    list[str] | None,
    typer.Argument(help="Models; all of them if none is named.", autocompletion=model_names),
]


@app.command("list", epilog=example("falaj models list --json"))
def list_models(*, as_json: AsJson = False) -> None:
    """List the models of the catalogue and what has been built of them."""
    from catalogue.reading import load_catalogue  # noqa: PLC0415 - `falaj --help` needs no YAML

    settings = Settings.from_env()
    rows: list[dict[str, Any]] = [
        {
            "name": spec.name,
            "version": spec.version,
            "versions": sorted(spec.versions),
            "target": spec.compute.target.value,
            "built": is_built(settings.built_models, spec.name, spec.versions),
            "owner": spec.owner,
            "description": spec.description,
        }
        for spec in load_catalogue(settings.models).models
    ]
    answer({"models": rows}, _table(rows), as_json=as_json)


@app.command("validate", epilog=example("falaj models validate breast-cancer"))
def validate(names: Names = None, *, as_json: AsJson = False) -> None:
    """Check every model.yaml and report all faults at once; exit 3 if there is one."""
    from catalogue.reading import load_catalogue  # noqa: PLC0415 - as above

    try:
        catalogue = load_catalogue(Settings.from_env().models)
    except ConfigurationError as error:
        raise RefusedError(error.faults) from error
    checked = [catalogue.model(n).name for n in names or [m.name for m in catalogue.models]]
    answer(
        {"valid": checked},
        *(f"[green]✓[/] {escape(name)}" for name in checked),
        as_json=as_json,
    )


def is_built(root: Path, name: str, versions: tuple[int, ...]) -> bool:
    """Whether every version of a model lies built below a folder."""
    return all(
        (root / name / str(version) / file).is_file()
        for version in versions
        for file in (MODEL_FILE, MANIFEST_FILE)
    )


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("model", "serves", "target", "built", "description"):
        table.add_column(heading)
    for row in rows:
        table.add_row(
            Text(row["name"], style="bold"),
            ", ".join(f"[bold]{v}[/]" if v == row["version"] else str(v) for v in row["versions"]),
            row["target"],
            "[green]✓[/]" if row["built"] else "[yellow]no[/]",
            Text(row["description"]),
        )
    return table
