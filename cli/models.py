"""`falaj models`: what the catalogue holds, whether it is sound, how it is built and published."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli import publishing, triton
from cli.completion import model_names
from cli.failures import MisuseError, RefusedError
from cli.options import AsJson, DryRun, example
from cli.printing import answer, progress
from cli.request import read_json
from cli.settings import Settings
from falaj.contract import ENSEMBLE_FILE, MANIFEST_FILE, MODEL_FILE
from falaj.errors import ConfigurationError

app: Final = typer.Typer(
    no_args_is_help=True,
    help="The catalogue: list, validate, add, build, sign and publish models.",
    epilog=example("falaj models list"),
)

app.command("sign", epilog=example("falaj models sign --target aws"))(publishing.sign)
app.command(
    "publish", epilog=example("falaj models publish", "falaj models publish churn --target aws")
)(publishing.publish)
app.command("keys", epilog=example("falaj models keys"))(publishing.keys)
app.command(
    "triton", epilog=example("falaj models triton tashkeel", "falaj models triton tashkeel -o repo")
)(triton.triton)

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


@app.command("build", epilog=example("falaj models build", "falaj models build tashkeel --json"))
def build_models(names: Names = None, *, as_json: AsJson = False) -> None:
    """Build models from their pinned sources into .build/models; what is up to date stays."""
    from catalogue.building import Progress, Stage, build  # noqa: PLC0415 - as above

    def tell(step: Progress) -> None:
        if step.stage is not Stage.EXAMINING:
            detail = f", {step.detail}" if step.detail else ""
            progress(f"{step.name} {step.version}: {step.stage.value}{detail}", as_json=as_json)

    settings = Settings.from_env()
    built = build(settings.models, settings.build, names or None, tell)
    rows: list[dict[str, Any]] = [
        {
            "name": version.manifest.name,
            "version": version.manifest.version,
            "sha256": version.manifest.sha256,
            "size_bytes": version.manifest.size_bytes,
            "golden_cases": len(version.manifest.golden),
            "path": str(version.folder),
        }
        for version in built
    ]
    answer(
        {"built": rows},
        *(
            f"[green]✓[/] {escape(row['name'])} {row['version']}  {row['size_bytes']:,} bytes, "
            f"{row['golden_cases']} known answers  [dim]{row['sha256'][:12]}[/]"
            for row in rows
        ),
        as_json=as_json,
    )


@app.command("add", epilog=example("falaj models add churn.onnx --name churn --owner crm-team"))
def add_model(
    path: Annotated[Path, typer.Argument(help="An ONNX file.", show_default=False)],
    *,
    name: Annotated[str, typer.Option("--name", "-n", help="The model's name, a DNS label.")],
    description: Annotated[str, typer.Option("--description", help="What it does.")] = "",
    owner: Annotated[str, typer.Option("--owner", help="The team that answers for it.")] = "",
    golden: Annotated[
        Path | None, typer.Option("--golden", help="JSON list of cases with known answers.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Examine an ONNX file in a limited process and write it into the catalogue.

    Exit 3 if the registration gate refuses it; then nothing is written.
    """
    from catalogue.adding import OWNER_TO_SET, add, describe  # noqa: PLC0415 - as above
    from catalogue.errors import ModelRefusedError  # noqa: PLC0415 - as above
    from catalogue.gate import examine  # noqa: PLC0415 - as above
    from catalogue.spec import ModelSpec  # noqa: PLC0415 - as above

    if not path.is_file():
        raise MisuseError(f"{path} is not a file", mend="name the ONNX file to add")
    settings = Settings.from_env()
    cases = read_json(str(golden)) if golden else []
    if not isinstance(cases, list):
        raise MisuseError(f"{golden} holds no list of cases")

    def tell(stage: str) -> None:
        progress(stage, as_json=as_json)

    try:
        if dry_run:
            ModelSpec(name=name, version=1, owner=owner or OWNER_TO_SET, description="draft")
            _, findings = examine(path, golden=cases, on_stage=tell)
            version, written = None, []
        else:
            addition = add(
                path,
                name=name,
                models_root=settings.models,
                description=description,
                owner=owner or OWNER_TO_SET,
                golden=cases,
                on_stage=tell,
            )
            findings, version = addition.findings, addition.version
            written = [str(addition.spec_file), str(addition.folder)]
    except ModelRefusedError as error:
        raise RefusedError(error.faults) from error
    document = {
        "name": name,
        "version": version,
        "written": written,
        "findings": findings.to_dict(),
    }
    answer(
        document,
        *(f"  {escape(sentence)}" for sentence in describe(findings)),
        _next_step(name, version),
        as_json=as_json,
    )


def _next_step(name: str, version: int | None) -> str:
    if version is None:
        return f"[dim]nothing was written; it would enter as models/{escape(name)}[/]"
    return (
        f"[green]✓[/] models/{escape(name)}/{version}; set `version: {version}` in its model.yaml "
        "if it says another, then `falaj up`"
    )


def is_built(root: Path, name: str, versions: tuple[int, ...]) -> bool:
    """Whether every version of a model lies built below a folder."""
    folders = [root / name / str(version) for version in versions]
    return all(
        (folder / MANIFEST_FILE).is_file()
        and any((folder / file).is_file() for file in (MODEL_FILE, ENSEMBLE_FILE))
        for folder in folders
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
