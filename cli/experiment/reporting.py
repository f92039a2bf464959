"""`falaj experiment report`: what an experiment found, from its logs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.exits import Exit
from cli.experiment.sources import log_files, read_spec, told_records
from cli.failures import CommandError
from cli.options import AsJson
from cli.printing import answer, progress
from falaj.domain.clock import SystemClock
from falaj.errors import ConfigurationError
from falaj.experiments.lifecycle import Verdict
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
    spec_file: Annotated[
        Path, typer.Argument(metavar="SPEC", help="The declaration, YAML or JSON.")
    ],
    *,
    exposures: Annotated[
        list[Path],
        typer.Option(
            "--exposures",
            "-e",
            help="Exposure log, JSON Lines or CSV, also .gz, or a folder of them; repeatable.",
        ),
    ],
    outcomes: Annotated[
        list[Path],
        typer.Option("--outcomes", "-o", help="Outcome log, as above; repeatable."),
    ],
    html: Annotated[
        Path | None, typer.Option("--html", help="Also write the report as one page.")
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            "--at", help="Report as of this moment, UTC; later windows are open. Now by default."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Join an experiment's logs and report its verdict, the sentence first.

    Exit 0 if it is decided (winner, loser, no difference), 4 if it is not, 3 if it is not valid.
    """
    spec, shown_in, come_from = _inputs(spec_file, exposures, outcomes, html)

    def tell(message: str) -> None:
        progress(message, as_json=as_json)

    from analysis.report import analyse, as_text  # noqa: PLC0415 - SciPy, for this command only

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

    try:
        path.write_text(as_page(made), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}") from error
