"""`falaj rehearse MODEL --fault az=…|s3-dark|…` of a model that containers answer."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from cli.exits import Exit
from cli.printing import answer
from cli.settings import Settings
from cli.synthesis import synthesize_for

if TYPE_CHECKING:
    from catalogue.spec import ModelSpec
    from local_region.rehearsal.outages import Outage
    from local_region.rehearsal.service_zones import ServiceResult

_SENTENCES: Final = {
    "kept": "[bold green]kept[/]: as many replicas as before answered every request",
    "thinned": "[bold yellow]thinned[/]: those replicas that were left answered every request; "
    "no other could start meanwhile",
    "fell_back": "[bold yellow]fell back[/]: no zone that is left has machines; the CPU version "
    "answers",
    "lost": "[bold red]lost[/]: requests are not answered while the zones are gone",
}


def play_zones(
    settings: Settings,
    spec: "ModelSpec",
    outages: "Sequence[Outage]",
    *,
    traffic: float,
    seed: int,
    as_json: bool,
) -> Exit:
    """Rehearse the loss of zones and services; refused where somebody is not answered.

    Args:
        settings: The repository and its profile.
        spec: The model, built.
        outages: Zones and services, and for how long.
        traffic: Requests a second, on average.
        seed: Of everything random.
        as_json: Whether a program reads it.
    """
    import uvloop  # noqa: PLC0415 - `--help` is quick

    from local_region.rehearsal.service_zones import (  # noqa: PLC0415 - as above
        cases_of,
        rehearse_zones,
    )

    manifest = settings.built_models / spec.name / str(spec.version) / "manifest.json"
    cases = cases_of(manifest)
    quiet = Console(stderr=True, quiet=as_json)
    with (
        tempfile.TemporaryDirectory(prefix="falaj-rehearsal-") as folder,
        quiet.status(f"losing zones of {spec.name}"),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        models, output = Path(folder) / "models", Path(folder) / "cdk.out"
        shutil.copytree(settings.models / spec.name, models / spec.name)
        synthesize_for(settings, models=models, output=output, only=(spec.name,))
        result = runner.run(
            rehearse_zones(
                output,
                spec.name,
                outages,
                cases=cases,
                traffic_rps=traffic,
                seed=seed,
                build_folder=settings.build / "host",
            )
        )
    answer(result.to_dict(), *_summary(result), as_json=as_json)
    return Exit.REFUSED if result.verdict.value == "lost" else Exit.PASSED


def _summary(result: "ServiceResult") -> Iterator[Any]:
    yield _SENTENCES[result.verdict.value]
    if result.dark:
        yield f"[dim]· {' and '.join(result.dark)} answered nobody meanwhile[/]"
    table = Table(box=None, pad_edge=False)
    for heading in ("zone", "offers", *(stretch.name for stretch in result.stretches)):
        table.add_column(heading)
    for zone, types in result.capacity.items():
        lost = " (lost)" if zone in result.lost else ""
        replicas = (f"{stretch.replicas[zone]}" for stretch in result.stretches)
        table.add_row(f"{zone}{lost}", ", ".join(types), *replicas)
    answered = (
        ", ".join(f"{count} × {status}" for status, count in sorted(stretch.answers.items()))
        for stretch in result.stretches
    )
    table.add_row("answers", "", *answered)
    yield table
