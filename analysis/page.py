"""A report as one self-contained page: no script, no address outside, light and dark."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Final

from analysis.amounts import amount, percent, span
from analysis.chart import balance_chart, effect_chart
from analysis.looks import Comparison
from analysis.report import Report, found, why_nothing_is_shown
from analysis.words import VERDICT_WORDS
from falaj.experiments.lifecycle import Verdict
from falaj.experiments.metrics import Role
from falaj.experiments.spec import ExperimentSpec

SHORT: Final = 2
"""Columns that fit a phone side by side."""


def as_page(report: Report) -> str:
    """Write the report as HTML: the verdict first, then how it came about."""
    css = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    body = "".join(
        [
            _header(report),
            _cards(report),
            _effect(report),
            _bandit(report),
            _balance(report),
            _metrics("Guardrails (these can only stop an experiment)", report, Role.GUARDRAIL),
            _metrics("Other metrics", report, Role.SECONDARY),
            _arms(report),
            _decisions(report),
            _counts(report),
            _design(report),
        ]
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(report.spec.name)}: {escape(report.conclusion.verdict.value)}</title>"
        f"<style>{css}</style></head><body><main>{body}</main></body></html>\n"
    )


def _name(text: str) -> str:
    return f"<bdi>{escape(text)}</bdi>"


def _header(report: Report) -> str:
    verdict = report.conclusion.verdict
    return (
        f'<header><p class="soft">Experiment {_name(report.spec.name)} on model '
        f"{_name(report.spec.model)} · {report.made_at:%d %B %Y, %H:%M} UTC</p>"
        f'<p><span class="badge {verdict.value}">{escape(VERDICT_WORDS[verdict])}</span></p>'
        f'<h1 dir="ltr">{escape(report.sentence)}</h1>'
        f'<p class="soft" dir="ltr">Why: {escape(report.conclusion.reason)}.</p></header>'
    )


def _cards(report: Report) -> str:
    shown = report.shown
    look, metric = shown.latest, shown.metric
    cards = []
    is_readable = report.conclusion.verdict is not Verdict.INVALID and report.bandit is None
    if is_readable and look is not None and look.effect is not None and look.interval is not None:
        effect, (low, high) = look.effect, look.interval
        cards = [
            (amount(metric, effect.control), _control(report)),
            (amount(metric, effect.treatment), shown.arm),
            (
                amount(metric, effect.difference, signed=True),
                (
                    f"difference, between {amount(metric, low, signed=True)} "
                    f"and {amount(metric, high, signed=True)}"
                ),
            ),
        ]
        lift = look.lift_interval
        if effect.lift is not None and lift is not None:
            between = f"relative, between {percent(lift[0])} and {percent(lift[1])}"
            cards.append((percent(effect.lift), between))
        cards += _by_now(shown)
    wanted = f" of {report.spec.planned_units:,} planned" if report.spec.planned_units else ""
    noun = f"{report.spec.unit.value}s counted{wanted}"
    cards.append((f"{report.findings.units:,}", noun))
    return (
        '<section class="cards">'
        + "".join(
            f'<div class="card"><b dir="ltr">{escape(big)}</b><span>{_name(small)}</span></div>'
            for big, small in cards
        )
        + "</section>"
    )


def _control(report: Report) -> str:
    name = report.spec.control.name
    return name if name == "control" else f"{name}, the control"


def _by_now(shown: Comparison) -> list[tuple[str, str]]:
    """Say what later units add: an effect looks largest at the look that found it."""
    last = shown.looks[-1] if shown.looks else None
    if shown.decided is None or last is None or last is shown.decided:
        return []
    if last.effect is None or last.interval is None:
        return []
    low, high = (amount(shown.metric, edge, signed=True) for edge in last.interval)
    difference = amount(shown.metric, last.effect.difference, signed=True)
    return [(difference, f"difference by now, after {last.units:,}, between {low} and {high}")]


def _effect(report: Report) -> str:
    shown = report.shown
    if report.bandit is not None:
        return ""
    title = f"<h2>Effect on {_name(shown.metric.name)} over time</h2>"
    if report.conclusion.verdict is Verdict.INVALID:
        return f"{title}<p>Not shown, because it means nothing while the assignment is broken.</p>"
    drawn = effect_chart(shown)
    if drawn is None:
        why = escape(why_nothing_is_shown(shown))
        return f"{title}<p>Nothing to draw yet: {why}.</p>"
    return (
        f"{title}<figure>{drawn}<figcaption>Line: estimated difference {_name(shown.arm)} − "
        f"{_name(report.spec.control.name)}. Shade: where the true difference lies, with "
        f"{100 * (1 - report.spec.alpha):g} % confidence at all looks together. A verdict "
        "is reached when the shade leaves the dashed line.</figcaption></figure>"
    )


def _bandit(report: Report) -> str:
    bandit, metric = report.bandit, report.spec.success
    if bandit is None:
        return ""
    rows = [
        [
            _name(arm),
            f"{share:.1%}",
            "" if mean is None else escape(amount(metric, mean)),
            f"{best:.0%}",
        ]
        for arm, share, mean, best in zip(
            bandit.arms, bandit.shares, bandit.means, bandit.best, strict=True
        )
    ]
    cost = (
        ""
        if bandit.lost is None or bandit.floor_costs is None
        else f" Regret so far: about {bandit.lost:,.1f} of {_name(metric.name)} given up against "
        "everyone getting the arm that looks best now. The floor’s part of it is at most "
        f"{bandit.floor_costs:.2g} a subject."
    )
    return (
        "<h2>What the bandit has learned</h2>"
        f"{_table(['arm', 'share of all subjects', metric.name, 'chance to be best'], rows)}"
        f'<p class="soft">Every arm keeps at least {bandit.floor_share:.0%} of each step.{cost} '
        "Nobody who has an arm gets another one.</p>"
    )


def _balance(report: Report) -> str:
    balance = report.findings.balance
    if not balance.is_tested:
        return ""
    verdict = (
        '<strong class="worse">The split is not the declared one, so no effect counts.</strong>'
        if balance.is_broken
        else "The split is as declared."
    )
    chart = balance_chart(report.arm_names, balance.counts, balance.shares)
    return (
        f"<h2>Exposure balance</h2><figure>{chart}<figcaption>"
        f"Bars: {report.spec.unit.value}s seen. Tick: declared share. {verdict}"
        "</figcaption></figure>"
    )


def _metrics(title: str, report: Report, role: Role) -> str:
    rows = [_metric_row(report, each) for each in report.by_role(role)]
    if not rows:
        return ""
    note = ""
    if role is Role.SECONDARY:
        rate = report.spec.discovery_rate
        note = (
            f'<p class="soft">On average at most {rate:.0%} of what is called better or worse here '
        )
        note += "is chance (e-BH).</p>"
    head = ["metric", "arm", "control", "arm’s value", "difference", "interval", "finding"]
    return f"<h2>{title}</h2>{_table(head, rows)}{note}"


def _metric_row(report: Report, each: Comparison) -> list[str]:
    word = found(each, report.conclusion)
    why = why_nothing_is_shown(each)
    said = escape(f"{word}: {why}" if why else word)
    shown = f'<span class="{word if word in {"better", "worse"} else "soft"}">{said}</span>'
    look, metric = each.latest, each.metric
    if look is None or look.effect is None or look.interval is None:
        return [_name(metric.name), _name(each.arm), "", "", "", "", shown]
    low, high = look.interval
    numbers = [
        amount(metric, look.effect.control),
        amount(metric, look.effect.treatment),
        amount(metric, look.effect.difference, signed=True),
        f"{amount(metric, low, signed=True)} to {amount(metric, high, signed=True)}",
    ]
    return [_name(metric.name), _name(each.arm), *map(escape, numbers), shown]


def _arms(report: Report) -> str:
    if len(report.conclusion.by_arm) < 2:  # noqa: PLR2004 - one arm is in the headline
        return ""
    rows = [
        [_name(arm), escape(VERDICT_WORDS[verdict]), f'<span dir="ltr">{escape(reason)}</span>']
        for arm, verdict, reason in report.conclusion.by_arm
    ]
    return f"<h2>Arms</h2>{_table(['arm', 'verdict', 'why'], rows)}"


def _decisions(report: Report) -> str:
    rows = [
        [f"{each.at:%Y-%m-%d %H:%M}", _name(each.what), _name(each.why)]
        for each in report.decisions
    ]
    if not rows:
        return "<h2>What was decided</h2><p>Nothing has been decided yet.</p>"
    return f"<h2>What was decided, and why</h2>{_table(['when (UTC)', 'what', 'why'], rows)}"


def _counts(report: Report) -> str:
    tally = report.tally
    facts = [
        ("exposures read", tally.exposures),
        ("… logged twice", tally.duplicate_exposures),
        ("units", tally.units),
        ("… counted", tally.analysed),
        ("… whose outcome window is still open", tally.immature),
        ("… seen in two arms, left out", tally.crossed),
        ("outcomes counted", tally.outcomes),
        ("… sent twice, counted once", tally.duplicate_outcomes),
        ("… too late, kept aside", tally.late_outcomes),
        ("… before their exposure, kept aside", tally.early_outcomes),
        ("… for unknown inference ids, kept aside", tally.unknown_outcomes),
        *((f"unusable: {why.replace('_', ' ')}", count) for why, count in tally.unusable.items()),
    ]
    rows = [[escape(what), f"{count:,}"] for what, count in facts if count or "…" not in what]
    return f"<h2>What was counted</h2>{_table(['records', 'number'], rows)}"


def _design(report: Report) -> str:
    spec, findings = report.spec, report.findings
    when = [_day(at) for at in (findings.first_at, findings.last_at) if at is not None]
    rows = [
        ["method", escape(_method(spec))],
        *(
            []
            if spec.bandit
            else [["level", f"{spec.alpha:g}, two-sided, over all looks and arms"]]
        ),
        ["unit", escape(spec.unit.value)],
        ["outcomes count for", f"{span(spec.outcome_window)} after the first exposure"],
        ["counted units came", " to ".join(when) or "none is counted yet"],
        ["on win, on loss", f"{spec.on_win.value}, {spec.on_loss.value}"],
    ]
    return f"<h2>How it was designed</h2>{_table(['', ''], rows)}"


def _method(spec: ExperimentSpec) -> str:
    if spec.bandit:
        every, step = span(spec.bandit.every), spec.bandit.step
        return f"Thompson sampling, every {every}, {step:.0%} of all subjects a step"
    if spec.planned_units:
        looks = f"{spec.looks} looks over {spec.planned_units:,} units"
        return f"group-sequential (O’Brien–Fleming), {looks}"
    return "asymptotic confidence sequence, valid at every look"


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%d %B %Y, %H:%M}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    header = "".join(f"<th>{escape(cell)}</th>" for cell in head) if any(head) else ""
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-label="{escape(label)}">{cell}</td>'
            for label, cell in zip(head, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    kind = "facts" if len(head) > SHORT else "pairs"
    return f'<div class="scroll"><table class="{kind}"><tr>{header}</tr>{body}</table></div>'
