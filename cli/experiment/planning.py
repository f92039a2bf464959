"""`falaj experiment plan`: how many units a question takes, by each of the methods."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table

from cli.failures import MisuseError
from cli.options import AsJson
from cli.printing import answer

if TYPE_CHECKING:
    from analysis.planning import Plan

MOST_LOOKS: Final = 100
METHODS: Final = {
    "fixed": "fixed size",
    "group_sequential": "group-sequential",
    "confidence_sequence": "confidence sequence",
}


def plan(
    *,
    base: Annotated[float, typer.Option("--base", help="The control's rate, as in 0.05.")],
    wanted: Annotated[
        float, typer.Option("--wanted", help="The nearest rate that should be told from it.")
    ],
    share: Annotated[float, typer.Option("--share", help="The arm's share of both.")] = 0.5,
    alpha: Annotated[float, typer.Option("--alpha", help="Two-sided level.")] = 0.05,
    power: Annotated[
        float, typer.Option("--power", help="Probability of finding it, if it is there.")
    ] = 0.8,
    traffic: Annotated[
        float | None, typer.Option("--traffic", help="Units a day, both arms together.")
    ] = None,
    looks: Annotated[
        int, typer.Option("--looks", help=f"Looks of the group-sequential test, 1–{MOST_LOOKS}.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """Say how many units, and days, it takes to tell two rates apart.

    "At most" is what to plan for; a test takes the "average" if the rates are these, and
    "if equal" on average if they do not differ.
    """
    _refuse_faults(
        base, wanted, share=share, alpha=alpha, power=power, traffic=traffic, looks=looks
    )
    from analysis.planning import Question  # noqa: PLC0415 - NumPy, for this command only

    question = Question.rates(
        base, wanted, share=share, alpha=alpha, power=power, units_per_day=traffic
    )
    plans = (
        question.fixed(),
        question.group_sequential(looks),
        question.confidence_sequence(),
    )
    declare: dict[str, dict[str, int]] = {
        "group_sequential": {"planned_units": plans[1].units, "looks": looks},
        "confidence_sequence": {"tuned_units": plans[0].units},
    }
    answer(
        {
            "question": {
                "base": base,
                "wanted": wanted,
                "share": share,
                "alpha": alpha,
                "power": power,
                "units_per_day": traffic,
            },
            "plans": [each.to_dict() for each in plans],
            "declare": declare,
        },
        f"To tell {wanted:.4g} from {base:.4g} with power {power:.4g} at level {alpha:.4g}, "
        f"{share:.4g} of the units in the arm:",
        _table(plans),
        *(
            f"[dim]declare for {METHODS[method]}: "
            f"{', '.join(f'{key}: {value}' for key, value in keys.items())}[/]"
            for method, keys in declare.items()
        ),
        as_json=as_json,
    )


def _table(plans: Sequence["Plan"]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    has_days = any(each.days for each in plans)
    headings = ("at most", "average", "if equal", "power", "looks")
    table.add_column("units by method", no_wrap=True)
    for heading in (*headings, *(("days", "average") if has_days else ())):
        table.add_column(heading, justify="right")
    for each in plans:
        days = [f"{span:,.1f}" for span in (each.days, each.mean_days) if span is not None]
        table.add_row(
            METHODS[each.method],
            f"[bold]{each.units:,}[/]",
            f"{each.mean_units:,.0f}",
            f"{each.mean_units_without_effect:,.0f}",
            f"{each.power:.1%}",
            str(each.looks),
            *days,
        )
    return table


def _refuse_faults(
    base: float,
    wanted: float,
    *,
    share: float,
    alpha: float,
    power: float,
    traffic: float | None,
    looks: int,
) -> None:
    checks = [
        (0 < base < 1, f"--base {base:g} must lie between 0 and 1"),
        (0 < wanted < 1, f"--wanted {wanted:g} must lie between 0 and 1"),
        (base != wanted, f"--wanted {wanted:g} must differ from --base"),
        (0 < share < 1, f"--share {share:g} must lie between 0 and 1"),
        (0 < alpha < 0.5, f"--alpha {alpha:g} must lie between 0 and 0.5"),  # noqa: PLR2004 - said here
        (alpha < power < 1, f"--power {power:g} must lie between --alpha and 1"),
        (
            traffic is None or (traffic > 0 and math.isfinite(traffic)),
            f"--traffic {traffic} must be above 0",
        ),
        (1 <= looks <= MOST_LOOKS, f"--looks {looks} must lie between 1 and {MOST_LOOKS}"),
    ]
    if faults := [sentence for is_right, sentence in checks if not is_right]:
        raise MisuseError("; ".join(faults))
