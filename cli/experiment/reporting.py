"""`falaj experiment report`: what an experiment found, from a region or from its logs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer
from rich.markup import escape

from cli.exits import Exit
from cli.experiment.options import Experiment, analyst, named
from cli.experiment.sources import log_files, read_spec, told_records
from cli.failures import CommandError, MisuseError
from cli.options import AsJson
from cli.printing import answer, progress
from cli.region.target import Target, TargetOption
from falaj.domain.clock import SystemClock
from falaj.errors import ConfigurationError
from falaj.experiments.lifecycle import Verdict
from falaj.experiments.metrics import Metric
from falaj.experiments.spec import ExperimentSpec

if TYPE_CHECKING:
    from analysis.report import Report
    from analysis.tally import Tally

EXITS: Final = {
    Verdict.WINNER: Exit.PASSED,
    Verdict.LOSER: Exit.PASSED,
    Verdict.NO_DIFFERENCE: Exit.PASSED,
    Verdict.INCONCLUSIVE: Exit.INCONCLUSIVE,
    Verdict.INVALID: Exit.REFUSED,
}

_OUTCOME_FAULTS: Final = ("malformed_outcome", "other_metric", "unusable_value")


def report(
    experiment: Experiment,
    *,
    exposures: Annotated[
        list[Path] | None,
        typer.Option(
            "--exposures",
            "-e",
            help="Exposure log, JSON Lines or CSV, also .gz, or a folder of them; repeatable.",
        ),
    ] = None,
    outcomes: Annotated[
        list[Path] | None,
        typer.Option("--outcomes", "-o", help="Outcome log, as above; repeatable."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Have the analyst look now, not give its last report.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Also write the report as one page.")
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            "--at", help="Report as of this moment, UTC; later windows are open. Now by default."
        ),
    ] = None,
    target: TargetOption = Target.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Report an experiment's verdict, the sentence first: of a region, or of logs in files.

    Exit 0 if it is decided (winner, loser, no difference), 4 if it is not, 3 if it is not valid.
    """
    if not exposures and not outcomes:
        if at is not None:
            raise MisuseError("--at needs logs in files: a region's report is of now")
        _of_region(experiment, html, target, fresh=fresh, as_json=as_json)
    if not exposures or not outcomes:
        raise MisuseError("logs in files need both --exposures and --outcomes")
    spec, shown_in, come_from = _inputs(Path(experiment), exposures, outcomes, html)

    def tell(message: str) -> None:
        progress(message, as_json=as_json)

    from analysis.report import analyse, as_text  # noqa: PLC0415 - NumPy, for this command only

    made = analyse(
        spec,
        [told_records(path, tell) for path in shown_in],
        [told_records(path, tell) for path in come_from],
        now=at.replace(tzinfo=at.tzinfo or UTC) if at else SystemClock().now(),
    )
    _refuse_unusable(spec, made.tally)
    if html:
        _write_page(made, html)
        tell(f"wrote {html}")
    if as_json:
        answer(made.to_dict(), as_json=True)
    else:
        typer.echo(as_text(made))
    raise typer.Exit(EXITS[made.conclusion.verdict])


def _of_region(
    experiment: str, html: Path | None, target: Target, *, fresh: bool, as_json: bool
) -> NoReturn:
    """Print what a region's analyst has found, and end."""
    about, client = named(experiment), analyst(target)
    asked = {"model": about.model, "experiment": about.experiment}
    told = client.ask({"report": asked | {"is_fresh": fresh}}, about)["report"]
    if html:
        page = client.ask({"report": asked | {"form": "html"}}, about)["report"]
        _write_text(page, html)
        progress(f"wrote {html}", as_json=as_json)
    answer(told, *told_lines(told), as_json=as_json)
    raise typer.Exit(EXITS[Verdict(told["verdict"])])


def told_lines(told: Mapping[str, Any]) -> Iterator[str]:
    """Write a report's document as lines for a terminal."""
    yield f"[bold]{told['verdict'].upper()}[/]: {escape(told['sentence'])}"
    yield f"because {escape(told['reason'])}"
    yield ""
    kinds = {metric.name: metric for metric in ExperimentSpec.from_dict(told["experiment"]).metrics}
    for each in told["metrics"]:
        label = f"{each['role']:<10} {each['metric']} · {each['arm']}"
        yield escape(f"{label}: {_found(each, kinds[each['metric']])}")
    balance, tally = told["balance"], told["tally"]
    counts = ", ".join(
        f"{arm} {count:,} (declared {balance['declared'][arm]:.1%})"
        for arm, count in balance["counts"].items()
    )
    yield f"balance    {escape(counts)}"
    yield f"counted    {tally['analysed']:,} of {tally['units']:,} units"
    for decision in told["decisions"]:
        at = datetime.fromisoformat(decision["at"])
        what = f"{decision['what']}: {decision['why']}"
        yield f"decided    {at:%Y-%m-%d %H:%M} {escape(what)}"


def _found(each: Mapping[str, Any], metric: Metric) -> str:
    from analysis.amounts import amount  # noqa: PLC0415 - for this command only

    look = each["latest"]
    why = look["why_not"] if look else "the first look has not been reached"
    if look is None or look["interval"] is None:
        return str(why or each["found"])
    low, high = (amount(metric, edge, signed=True) for edge in look["interval"])
    return (
        f"{amount(metric, look['control'])} → {amount(metric, look['treatment'])}, difference "
        f"{amount(metric, look['difference'], signed=True)} [{low}, {high}], {each['found']}"
        f"{f': {why}' if why else ''}"
    )


def _inputs(
    spec_file: Path, exposures: Sequence[Path], outcomes: Sequence[Path], html: Path | None
) -> tuple[ExperimentSpec, list[Path], list[Path]]:
    shown_in, faults = log_files(exposures)
    come_from, more = log_files(outcomes)
    faults += more
    if html and not html.absolute().parent.is_dir():
        faults.append(f"{html}: no such folder to write the page to")
    try:
        spec = read_spec(spec_file)
    except ConfigurationError as error:
        raise ConfigurationError([*error.faults, *faults]) from error
    if faults:
        raise ConfigurationError(faults)
    return spec, shown_in, come_from


def _refuse_unusable(spec: ExperimentSpec, tally: "Tally") -> None:
    """Refuse logs of which nothing could be used: an empty report would look like no effect."""
    unusable = tally.unusable
    faults = []
    if not tally.exposures:
        read = _counts({k: n for k, n in unusable.items() if k not in _OUTCOME_FAULTS})
        faults.append(
            f"no exposure of experiment {spec.name!r} with an arm of its own was found ({read}); "
            "an exposure has experiment, unit, arm, inference_id and at (seconds since 1970)"
        )
    bad = {reason: unusable[reason] for reason in _OUTCOME_FAULTS if unusable.get(reason)}
    used = (
        tally.outcomes
        + tally.duplicate_outcomes
        + tally.unknown_outcomes
        + tally.late_outcomes
        + tally.early_outcomes
    )
    if bad and not used:
        names = ", ".join(sorted({metric.source for metric in spec.metrics}))
        faults.append(
            f"no outcome could be used ({_counts(bad)}); an outcome has inference_id, metric "
            f"({names}), value and at (seconds since 1970)"
        )
    if faults:
        raise ConfigurationError(faults)


def _counts(reasons: dict[str, int]) -> str:
    told = [f"{count:,} {reason.replace('_', ' ')}" for reason, count in reasons.items()]
    return ", ".join(told) or "the logs are empty"


def _write_page(made: "Report", path: Path) -> None:
    from analysis.page import as_page  # noqa: PLC0415 - as above

    _write_text(as_page(made), path)


def _write_text(text: str, path: Path) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}") from error
