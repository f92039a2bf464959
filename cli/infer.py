"""`falaj infer`: ask a model, and read its answer."""

from typing import Annotated, Any, Final

import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli.client import Answer, Client, model_path
from cli.completion import model_names
from cli.exits import Exit
from cli.failures import CommandError, MisuseError
from cli.options import AsJson, example
from cli.printing import answer as show
from cli.request import differences, flat, read_json, request_from
from cli.settings import Settings
from falaj.contract import HEADER_RELEASE
from falaj.domain.signature import ModelSignature

EXAMPLE: Final = example(
    "falaj infer breast-cancer --example",
    "falaj infer file-type --request request.json --json",
)
SHOWN_ELEMENTS: Final = 12


def infer(
    model: Annotated[str, typer.Argument(help="Model name.", autocompletion=model_names)],
    *,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            help="An input as name=JSON or name=@file; a model with one input needs no name.",
        ),
    ] = None,
    request: Annotated[
        str | None,
        typer.Option("--request", "-r", help="A whole request in a file; - is standard input."),
    ] = None,
    golden: Annotated[
        bool, typer.Option("--example", help="Send the model's first golden case, and check it.")
    ] = False,
    version: Annotated[
        str | None, typer.Option("--version", help="Ask this version, not the one being served.")
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help="The API's address (FALAJ_URL).")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a model and print its answer."""
    if sum((bool(inputs), request is not None, golden)) != 1:
        raise MisuseError("give one of --input, --request and --example")
    settings = Settings.from_env()
    client = Client((url or settings.url).rstrip("/"), token=settings.token)
    case: dict[str, Any] = _golden_case(client, model) if golden else {}
    if request is not None:
        body = read_json(request)
    elif golden:
        body = case["value"]
    else:
        body = request_from(_signature(client, model, version), inputs or [])
    answer = client.post(f"{model_path(model, version)}/infer", body)
    _show(answer, case, as_json=as_json)


def _signature(client: Client, model: str, version: str | None) -> ModelSignature:
    metadata = client.get(model_path(model, version)).body
    try:
        return ModelSignature.from_dict(
            {"inputs": metadata["inputs"], "outputs": metadata["outputs"]}
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CommandError(
            f"{client.url} describes {model!r} in a way this command does not know ({error!r})"
        ) from error


def _golden_case(client: Client, model: str) -> dict[str, Any]:
    document = client.get("/openapi.json").body
    try:
        operation = document["paths"][f"{model_path(model)}/infer"]["post"]
        examples = operation["requestBody"]["content"]["application/json"]["examples"]
        return dict(next(iter(examples.values())))
    except (KeyError, StopIteration) as error:
        raise CommandError(
            f"the API publishes no example of {model!r}",
            mend="`falaj models list --url` says what it serves; or give --input",
        ) from error


def _show(answer: Answer, case: dict[str, Any], *, as_json: bool) -> None:
    body = answer.body
    wrong = differences(case["x-falaj-golden"], body) if "x-falaj-golden" in case else []
    made_by = f"{body.get('model_name')} version {body.get('model_version')}"
    release = answer.headers.get(HEADER_RELEASE, "")
    parts: list[RenderableType] = [
        f"[bold]{escape(made_by)}[/]" + (f" [dim]release {escape(release)}[/]" if release else ""),
        _outputs(body),
    ]
    if case:
        name = escape(str(case.get("summary", "golden case")))
        verdict = f"[red]✗ not as expected: {', '.join(wrong)}[/]" if wrong else "[green]✓[/]"
        parts.insert(0, f"{verdict} {name}")
    show(body, *parts, as_json=as_json)
    if wrong:
        raise typer.Exit(Exit.REFUSED)


def _outputs(body: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("output", "type", "shape", "data"):
        table.add_column(heading, overflow="fold")
    for output in body.get("outputs", ()):
        table.add_row(
            Text(str(output["name"])),
            str(output["datatype"]),
            "×".join(map(str, output["shape"])) or "scalar",
            Text(_abridged(flat(output.get("data", [])))),
        )
    return table


def _abridged(elements: list[Any]) -> str:
    shown = " ".join(
        f"{element:.6g}" if isinstance(element, float) else str(element)
        for element in elements[:SHOWN_ELEMENTS]
    )
    rest = len(elements) - SHOWN_ELEMENTS
    return f"{shown} … {rest} more" if rest > 0 else shown
