"""`falaj rehearse --experiment`: an experiment in virtual time, whose truth is known."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.exits import Exit
from cli.experiment.sources import read_spec
from cli.failures import CommandError, MisuseError
from cli.printing import answer, progress
from cli.settings import Settings
from cli.synthesis import synthesize_for
from falaj.errors import ConfigurationError
from falaj.experiments.lifecycle import Verdict
from falaj.experiments.spec import ExperimentSpec, Unit

if TYPE_CHECKING:
    from local_region.rehearsal.trial import ArmResult, Trial, TrialResult

EXITS: Final = {
    Verdict.WINNER: Exit.PASSED,
    Verdict.LOSER: Exit.PASSED,
    Verdict.NO_DIFFERENCE: Exit.PASSED,
    Verdict.INCONCLUSIVE: Exit.INCONCLUSIVE,
    Verdict.INVALID: Exit.REFUSED,
}
_BAKE: Final = "3m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says of an experiment.

    Attributes:
        spec_file: The declaration.
        base: What the success metric really is in the control.
        effects: `DIFFERENCE` for every other arm, or `ARM=DIFFERENCE`.
        traffic: Requests a second.
        units: Units after which no new ones come.
        seed: Of every random choice.
    """

    spec_file: Path
    base: float
    effects: tuple[str, ...]
    traffic: float
    units: int
    seed: int

    def trial(self, model: str) -> "Trial":
        """Read the declaration and check it all.

        Raises:
            MisuseError: The experiment is about another model, or the truth cannot be.
        """
        from local_region.rehearsal.trial import Trial  # noqa: PLC0415 - `--help` is quick

        spec = read_spec(self.spec_file)
        if spec.model != model:
            raise MisuseError(f"{self.spec_file} is about model {spec.model!r}, not {model!r}")
        try:
            return Trial(
                spec=spec,
                base=self.base,
                effects=effects_of(self.effects, spec),
                traffic_rps=self.traffic,
                most_units=self.units,
                seed=self.seed,
            )
        except ConfigurationError as error:
            raise MisuseError("; ".join(error.faults)) from error


def effects_of(texts: tuple[str, ...], spec: ExperimentSpec) -> dict[str, float]:
    """Read effects: `0.02` is every arm's, `warm=0.02` one's.

    Raises:
        MisuseError: One is no number.
    """
    found: dict[str, float] = {}
    for text in texts:
        arm, equals, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError as error:
            raise MisuseError(f"--effect {text!r}: write 0.02, or ARM=0.02") from error
        found |= {arm: value} if equals else {each.name: value for each in spec.arms[1:]}
    return found


def play_experiment(
    model: str, asked: Asked, settings: Settings, *, html: Path | None, as_json: bool
) -> Exit:
    """Rehearse, print what came of it, and return the exit status."""
    trial = asked.trial(model)
    with assemblies(settings, trial.spec, as_json=as_json) as (stable, candidate):
        result = run(stable, candidate, trial, settings)
    if html is not None:
        try:
            html.write_text(result.page, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{html}: cannot be written: {error.strerror}") from error
        progress(f"written to {html}", as_json=as_json)
    answer(result.to_dict(), *summary(result), as_json=as_json)
    return EXITS[Verdict(result.verdict)]


@contextmanager
def assemblies(
    settings: Settings, spec: ExperimentSpec, *, as_json: bool
) -> Iterator[tuple[Path, Path | None]]:
    """Synthesize the model's stacks with the experiment declared; twice for a split.

    The catalogue is copied; nothing of the repository changes.
    """
    from catalogue.building import build  # noqa: PLC0415 - onnx takes a second

    build(settings.models, settings.build, [spec.model])
    quiet = Console(stderr=True, quiet=as_json)
    with (
        tempfile.TemporaryDirectory(prefix="falaj-trial-") as folder,
        quiet.status(f"synthesizing {spec.model} with {spec.name}"),
    ):
        changes: list[Mapping[str, Any]] = [{}]
        if spec.unit is Unit.REQUEST:
            changes = [_release(spec, spec.control.model_version), _release(spec, _second(spec))]
            if changes[0].get("version") == changes[1].get("version"):
                changes[1] = {**changes[1], "again": True}
        outputs = []
        for number, change in enumerate(changes):
            root = Path(folder) / str(number)
            copy_catalogue(settings.models, root / "models", spec, change)
            output = root / "cdk.out"
            synthesize_for(settings, models=root / "models", output=output, only=(spec.model,))
            outputs.append(output)
        quiet.print(f"[dim]·[/] synthesized {spec.model} with {spec.name}")
        yield outputs[0], outputs[1] if len(outputs) > 1 else None


def copy_catalogue(
    models: Path, target: Path, spec: ExperimentSpec, change: Mapping[str, Any]
) -> None:
    """Copy the model's folder with this one experiment, and a release plan if it is a split."""
    import yaml  # noqa: PLC0415 - `--help` reads no catalogue

    folder = target / spec.model
    shutil.copytree(
        models / spec.model, folder, ignore=shutil.ignore_patterns("__pycache__", "experiments")
    )
    declared = folder / "experiments" / f"{spec.name}.yaml"
    declared.parent.mkdir()
    declared.write_text(yaml.safe_dump(spec.to_dict(), sort_keys=False), encoding="utf-8")
    path = folder / "model.yaml"
    model = yaml.safe_load(path.read_text(encoding="utf-8"))
    model |= {key: value for key, value in change.items() if key != "again"}
    if change.get("again"):
        compute = model.setdefault("compute", {})
        compute["memory_mib"] = compute.get("memory_mib", 1769) + 1
    path.write_text(yaml.safe_dump(model, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _release(spec: ExperimentSpec, version: int | None) -> dict[str, Any]:
    plan = {
        "plan": "split",
        "steps": [spec.arms[1].share],
        "bake": _BAKE,
        "on_win": spec.on_win.value,
        "on_loss": spec.on_loss.value,
        "max_duration": spec.to_dict().get("max_duration", "28d"),
    }
    return {"release": plan, **({"version": version} if version is not None else {})}


def _second(spec: ExperimentSpec) -> int | None:
    return spec.arms[1].model_version


def run(stable: Path, candidate: Path | None, trial: "Trial", settings: Settings) -> "TrialResult":
    """Rehearse a trial on what was synthesized."""
    import uvloop  # noqa: PLC0415 - as above

    from local_region.rehearsal.trial_stage import rehearse_experiment  # noqa: PLC0415

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(
            rehearse_experiment(
                stable, trial, candidate=candidate, build_folder=settings.build / "host"
            )
        )


def summary(result: "TrialResult") -> Iterator[Any]:
    """Yield what a person wants to see of a rehearsed experiment."""
    for moment in result.timeline:
        minutes, seconds = divmod(max(0, round(moment.at_s)), 60)
        yield f"[dim]{minutes:>5}:{seconds:02}[/]  {moment.kind:<9} {escape(moment.text)}"
    yield ""
    yield f"[bold]{result.verdict.replace('_', ' ')}[/], {result.phase}: {escape(result.sentence)}"
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("arm", "true effect", "estimated", "between", ""):
        table.add_column(heading, justify="right" if heading else "left")
    for arm in result.arms:
        table.add_row(*_row(arm))
    yield table
    yield (
        f"[dim]{result.units:,} units counted of {result.requests:,} requests, "
        f"{result.outcomes:,} outcomes told[/]"
    )


def _row(arm: "ArmResult") -> tuple[str, ...]:
    if arm.estimate is None or arm.interval is None:
        return arm.arm, f"{arm.true_effect:+.4g}", "-", "-", "nothing to tell yet"
    low, high = arm.interval
    said = "holds the truth" if arm.is_covered else "[yellow]misses the truth[/]"
    between = f"{low:+.4g} and {high:+.4g}"
    return arm.arm, f"{arm.true_effect:+.4g}", f"{arm.estimate:+.4g}", between, said
