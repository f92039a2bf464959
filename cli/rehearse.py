"""`falaj rehearse`: a whole rollout in virtual time, from the stacks that would be deployed."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from cli.access import access_context, issuer_folder
from cli.completion import model_names
from cli.exits import Exit
from cli.failures import MisuseError
from cli.options import AsJson, example
from cli.printing import answer, progress
from cli.rehearse_telling import Watching, summary
from cli.settings import Settings
from cli.synthesis import OPEN, synthesize_for
from falaj.errors import ConfigurationError

if TYPE_CHECKING:
    from catalogue.spec import ModelSpec
    from local_region.rehearsal.callers import Caller
    from local_region.rehearsal.faults import Fault
    from local_region.rehearsal.outages import Outage
    from local_region.rehearsal.scenario import Ending, Result, Scenario

EXAMPLE: Final = example(
    "falaj rehearse breast-cancer --fault errors=0.5",
    "falaj rehearse breast-cancer --shared-fault errors=0.2 --at 5m --html rehearsal.html",
    "falaj rehearse breast-cancer --experiment examples/experiments/second-opinion.yaml"
    " --base 0.2 --effect 0.1 --traffic 20",
)
MODEL_FILE: Final = "model.yaml"
ON_LAMBDA: Final = "lambda"


def rehearse(  # noqa: PLR0913 - one for each thing that may be varied
    model: Annotated[
        str,
        typer.Argument(help="The model whose rollout is rehearsed.", autocompletion=model_names),
    ],
    *,
    from_version: Annotated[
        int | None,
        typer.Option("--from", help="Model version that serves; model.yaml's by default."),
    ] = None,
    to_version: Annotated[
        int | None,
        typer.Option(
            "--to",
            help="Model version that is released; the next one, or the same bytes anew.",
        ),
    ] = None,
    traffic: Annotated[
        float, typer.Option("--traffic", help="Requests a second, on average.")
    ] = 5.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            help="What goes wrong in the candidate: errors=RATE, latency=FACTOR, nan=RATE, "
            "crash=RATE, timeout=RATE, cold-storm, label-flip=RATE; or in the region: s3-dark, "
            "dynamodb-dark, kms-dark, az=ID or az=HOW-MANY, for 10m or as =5m, =ID:5m. May be "
            "repeated.",
        ),
    ] = None,
    shared_fault: Annotated[
        list[str] | None,
        typer.Option("--shared-fault", help="The same, in both versions."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            help="When faults begin, after the release, as 5m; with the first share by default.",
        ),
    ] = None,
    load: Annotated[
        float,
        typer.Option(
            "--load",
            help="With az: which part of the room of all zones the traffic takes. Two of three "
            "zones have all of it, one has half.",
        ),
    ] = 0.8,
    seed: Annotated[int, typer.Option("--seed", help="Of every random choice.")] = 0,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page that shows what happened.")
    ] = None,
    experiment: Annotated[
        Path | None,
        typer.Option(
            "--experiment",
            help="Rehearse this experiment instead, YAML or JSON: real assignment, feedback and "
            "analyst; what comes of requests is drawn.",
        ),
    ] = None,
    base: Annotated[
        float,
        typer.Option("--base", help="The success metric's true rate or mean in the control."),
    ] = 0.1,
    effect: Annotated[
        list[str] | None,
        typer.Option(
            "--effect",
            help="True difference of the other arms, as 0.02 or ARM=0.02; none by default. "
            "May be repeated.",
        ),
    ] = None,
    units: Annotated[
        int, typer.Option("--units", help="With --experiment: units after which no more come.")
    ] = 20_000,
    as_json: AsJson = False,
) -> int:
    """Rehearse a rollout: real handlers and stacks, virtual time, faults on demand.

    Ends with 0 when the release is promoted, 3 when it is rolled back or aborted, and 4 when the
    plan's time is over and nobody can tell. With --experiment, 0 when it is decided, 3 when it is
    not valid, and 4 when it stays open. For a model on GPU machines only zones and
    services are lost: 0 when everybody is answered once replicas are placed anew, 3 when not.
    """
    if experiment is not None:
        from cli.rehearse_experiment import Asked, play_experiment  # noqa: PLC0415 - as below

        if fault or shared_fault:
            raise MisuseError("faults are for rollouts: leave out --experiment, or --fault")
        asked = Asked(
            spec_file=experiment,
            base=base,
            effects=tuple(effect or ()),
            traffic=traffic,
            units=units,
            seed=seed,
        )
        return play_experiment(model, asked, Settings.from_env(), html=html, as_json=as_json)
    from local_region.rehearsal.faults import Fault, checked  # noqa: PLC0415 - `--help` is quick
    from local_region.rehearsal.scenario import Scenario  # noqa: PLC0415 - as above

    settings = Settings.from_env()
    try:
        given, outages = _sorted(fault or ())
        faults = checked(
            [
                *(Fault.parse(text) for text in given),
                *(Fault.parse(text, is_shared=True) for text in shared_fault or ()),
            ]
        )
        scenario = Scenario(
            model=model,
            traffic_rps=traffic,
            faults=faults,
            outages=outages,
            callers=_callers(outages),
            load_share=load,
            begins_s=None if at is None else _seconds(at),
            seed=seed,
        )
    except ConfigurationError as error:
        raise MisuseError("; ".join(error.faults)) from error
    spec = _spec(settings, model)
    _build(settings, spec)
    if spec.compute.target.value != ON_LAMBDA and _only_outages(scenario):
        from cli.rehearse_zones import play_zones  # noqa: PLC0415 - as above

        return play_zones(
            settings, spec, scenario.outages, traffic=traffic, seed=seed, as_json=as_json
        )
    refuse_senseless(spec, faults, settings)
    before = from_version or spec.version
    after = to_version or next_version(settings, spec, before)
    with assemblies(
        settings, spec, before, after, as_json=as_json, with_callers=bool(scenario.callers)
    ) as (
        stable,
        candidate,
    ):
        result = _play(stable, candidate, scenario, settings, as_json=as_json)
    if html is not None:
        from local_region.rehearsal.report import page  # noqa: PLC0415 - as above

        html.write_text(page(result), encoding="utf-8")
        progress(f"written to {html}", as_json=as_json)
    answer(result.to_dict(), *summary(result), as_json=as_json)
    return exit_of(result.verdict)


def _sorted(words: Sequence[str]) -> "tuple[list[str], tuple[Outage, ...]]":
    """Tell what befalls requests from what befalls the region.

    Raises:
        ConfigurationError: What befalls the region is none, or asked for twice.
    """
    from local_region.rehearsal.outages import Outage, checked  # noqa: PLC0415 - as above

    found = [one for word in words if Outage.names(word) for one in Outage.parse_all(word)]
    return [word for word in words if not Outage.names(word)], checked(found)


def _callers(outages: "Sequence[Outage]") -> "tuple[Caller, ...]":
    """Return a caller of each priority where zones are lost; nobody in particular otherwise."""
    from local_region.rehearsal.callers import CALLERS  # noqa: PLC0415 - as above

    return CALLERS if any(outage.zone for outage in outages) else ()


def _only_outages(scenario: "Scenario") -> bool:
    """Whether zones or services are lost, and nothing else happens."""
    return bool(scenario.outages) and not scenario.faults


def exit_of(verdict: "Ending") -> Exit:
    """Return what a program reads from a verdict."""
    exits = {"promoted": Exit.PASSED, "inconclusive": Exit.INCONCLUSIVE}
    return exits.get(verdict.value, Exit.REFUSED)


def next_version(settings: Settings, spec: "ModelSpec", before: int) -> int:
    """Return the next version in the catalogue; the same one where there is none."""
    numbers = sorted(
        int(folder.name)
        for folder in (settings.models / spec.name).iterdir()
        if folder.is_dir() and folder.name.isascii() and folder.name.isdigit()
    )
    return next((number for number in numbers if number > before), before)


def refuse_senseless(spec: "ModelSpec", faults: "tuple[Fault, ...]", settings: Settings) -> None:
    """Refuse what could only mislead.

    Raises:
        MisuseError: The model does not run on Lambda, or cannot answer NaN.
    """
    if spec.compute.target.value != ON_LAMBDA:
        raise MisuseError(
            f"{spec.name} runs on {spec.compute.target.value}, rehearsals are of Lambda's rollouts "
            "and of what a service loses: --fault az=1, s3-dark, dynamodb-dark or kms-dark"
        )
    kinds = {fault.kind.value for fault in faults}
    if "nan" in kinds and not _answers_floats(spec, settings):
        raise MisuseError(f"{spec.name} answers no floating-point numbers: nan cannot befall it")


def _answers_floats(spec: "ModelSpec", settings: Settings) -> bool:
    from catalogue.building import built_version  # noqa: PLC0415 - onnx takes a second

    outputs = built_version(settings.build, spec.name, spec.version).manifest.signature.outputs
    return any(output.datatype.value.startswith("FP") for output in outputs)


@contextmanager
def assemblies(
    settings: Settings,
    spec: "ModelSpec",
    before: int,
    after: int,
    *,
    as_json: bool,
    with_callers: bool = False,
) -> Iterator[tuple[Path, Path]]:
    """Synthesize the model's stacks twice: with the version that serves, and with the next.

    The catalogue is copied; nothing of the repository changes. A release of the same version gets
    one MiB more, since the same bytes with the same settings are no new release. With callers, a
    token is asked for, and there is a tenant of each priority.
    """
    quiet = Console(stderr=True, quiet=as_json)
    with (
        tempfile.TemporaryDirectory(prefix="falaj-rehearsal-") as folder,
        quiet.status(f"synthesizing {spec.name} {before} and {after}"),
    ):
        roots = [Path(folder) / name for name in ("stable", "candidate")]
        copy_catalogue(settings.models, roots[0] / "models", spec, before, again=False)
        copy_catalogue(settings.models, roots[1] / "models", spec, after, again=before == after)
        access = _access(settings, Path(folder), roots) if with_callers else OPEN

        def synthesized(root: Path) -> Path:
            output = root / "cdk.out"
            synthesize_for(
                settings, models=root / "models", output=output, only=(spec.name,), access=access
            )
            return output

        with ThreadPoolExecutor() as workers:
            stable, candidate = workers.map(synthesized, roots)
        quiet.print(f"[dim]·[/] synthesized {spec.name} {before} and {after}")
        yield stable, candidate


def _access(settings: Settings, folder: Path, roots: Sequence[Path]) -> Sequence[str]:
    """Write the tenants, and open the copied model to each; say what the stacks shall ask for."""
    import yaml  # noqa: PLC0415 - `--help` reads no catalogue

    from local_region.rehearsal.callers import tenants_document  # noqa: PLC0415 - as above

    tenants = folder / "tenants.yaml"
    tenants.write_text(yaml.safe_dump(tenants_document()), encoding="utf-8")
    for path in (found for root in roots for found in root.glob(f"models/*/{MODEL_FILE}")):
        declared = yaml.safe_load(path.read_text(encoding="utf-8"))
        declared.pop("access", None)
        path.write_text(yaml.safe_dump(declared, sort_keys=False, allow_unicode=True), "utf-8")
    return access_context(replace(settings, asked="jwt", tenants=str(tenants)))


def _build(settings: Settings, spec: "ModelSpec") -> None:
    from catalogue.building import build  # noqa: PLC0415 - onnx takes a second

    build(settings.models, settings.build, [spec.name])


def copy_catalogue(
    models: Path, target: Path, spec: "ModelSpec", version: int, *, again: bool
) -> None:
    """Copy one model's folder with another version to serve by default."""
    import yaml  # noqa: PLC0415 - `--help` reads no catalogue

    folder = target / spec.name
    shutil.copytree(models / spec.name, folder, ignore=shutil.ignore_patterns("__pycache__"))
    declared = yaml.safe_load((folder / MODEL_FILE).read_text(encoding="utf-8"))
    declared["version"] = version
    if again:
        declared.setdefault("compute", {})["memory_mib"] = spec.compute.memory_mib + 1
    (folder / MODEL_FILE).write_text(
        yaml.safe_dump(declared, sort_keys=False, allow_unicode=True), encoding="utf-8"
    )


def _spec(settings: Settings, model: str) -> "ModelSpec":
    from catalogue.reading import load_model  # noqa: PLC0415 - as above

    path = settings.models / model / MODEL_FILE
    if not path.is_file():
        known = sorted(found.parent.name for found in settings.models.glob(f"*/{MODEL_FILE}"))
        mend = (
            f"choose from {', '.join(known)}"
            if known
            else f"{settings.models} holds none: `falaj models add` makes one of an ONNX file"
        )
        raise MisuseError(f"there is no model {model!r}", mend=mend)
    return load_model(path)


def _seconds(text: str) -> float:
    from catalogue.settings import read_duration  # noqa: PLC0415 - as above

    try:
        return read_duration(text).total_seconds()
    except ValueError as error:
        raise MisuseError(f"--at {text!r}: {error}") from error


def _play(
    stable: Path,
    candidate: Path,
    scenario: "Scenario",
    settings: Settings,
    *,
    as_json: bool,
) -> "Result":
    import uvloop  # noqa: PLC0415 - as above

    from local_region.rehearsal.rehearsal import rehearse as play  # noqa: PLC0415 - as above

    with (
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        Watching(Console(stderr=True, quiet=as_json)) as watching,
    ):
        return runner.run(
            play(
                stable,
                candidate,
                scenario,
                watch=watching.look,
                say=watching.say,
                build_folder=settings.build / "host",
                issuer_folder=issuer_folder(settings),
            )
        )
