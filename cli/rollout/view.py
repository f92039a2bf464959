"""A rollout as a person sees it, on a terminal or in a test."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.rollout.following import duration, next_step
from cli.rollout.picture import Measured, Picture, evidence_needed
from cli.rollout.strokes import CANDIDATE, HARM, QUIET, STABLE, percent, share_bar, sparkline
from falaj.domain.observation import AlarmEffect
from falaj.domain.rollout import LogEntry, Phase, Rollout

BAR_WIDTH: Final = 40
SHOWN_DECISIONS: Final = 6
COLOURS: Final = {
    Phase.IDLE: "dim",
    Phase.VERIFYING: "yellow",
    Phase.SHIFTING: "cyan",
    Phase.BAKING: "cyan",
    Phase.EXTENDED: "yellow",
    Phase.PAUSED: "yellow",
    Phase.PROMOTED: "green",
    Phase.ROLLED_BACK: "red",
}
"""Of each phase; the word itself is always there too."""


def board(picture: Picture, *, now: datetime | None = None, lost: str = "") -> RenderableType:
    """Draw one look at a rollout.

    Args:
        picture: The look.
        now: What time it is, if the look is not of this moment.
        lost: Why nothing newer could be had; then the picture says so, with its age.
    """
    now = now or picture.at
    rollout = picture.rollout
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style=QUIET, no_wrap=True)
    grid.add_column(ratio=1)
    for label, shown in _rows(picture, now):
        grid.add_row(label, shown)
    parts: list[RenderableType] = [grid]
    if rollout.log:
        parts += [Text(), log_table(rollout.log[-SHOWN_DECISIONS:])]
    if lost:
        age = duration(now - picture.at)
        banner = Text(f"NO ANSWER: {lost}\nWhat you see is {age} old.", HARM)
        parts = [banner, Text(), *parts]
    title = Text.assemble((rollout.model, "bold"), "  ", phase_text(rollout))
    return Panel(
        Group(*parts),
        title=title,
        title_align="left",
        subtitle=Text(f"looked at {picture.at:%Y-%m-%d %H:%M:%S} UTC", QUIET),
        subtitle_align="right",
        border_style="red" if lost else COLOURS[rollout.phase],
        padding=(1, 2),
    )


def phase_text(rollout: Rollout) -> Text:
    """Write the phase, and why it is held if it is."""
    held = f" ({rollout.hold})" if rollout.phase is Phase.PAUSED and rollout.hold else ""
    return Text(f"{rollout.phase.value.replace('_', ' ')}{held}", COLOURS[rollout.phase])


def share_text(rollout: Rollout) -> Text:
    """Draw who serves how much."""
    if not rollout.is_live:
        version = rollout.serving or "what the stack made"
        return Text.assemble(("█" * BAR_WIDTH, STABLE), "  ", (f"{version}: 100 %", STABLE))
    return Text.assemble(
        share_bar(rollout.share, width=BAR_WIDTH),
        "  ",
        (f"candidate {rollout.candidate}: {percent(rollout.share)}", CANDIDATE),
        "  ",
        (f"stable {rollout.stable or '(none)'}: {percent(1 - rollout.share)}", STABLE),
    )


def log_table(entries: Iterable[LogEntry]) -> Table:
    """Draw decisions, newest first."""
    table = Table(box=None, pad_edge=False, header_style=QUIET, expand=False)
    for heading in ("#", "at (UTC)", "decision", "phase", "who", "why"):
        table.add_column(heading, no_wrap=heading != "why", overflow="fold")
    for entry in reversed(list(entries)):
        table.add_row(
            str(entry.generation),
            f"{entry.at:%m-%d %H:%M:%S}",
            Text(entry.event.value, HARM if entry.is_page else ""),
            Text(entry.phase.value, COLOURS[entry.phase]),
            Text(entry.actor or "controller"),
            Text(entry.reason),
        )
    return table


def _rows(picture: Picture, now: datetime) -> Iterable[tuple[str, RenderableType]]:
    rollout, measured = picture.rollout, picture.measured
    yield "share", share_text(rollout)
    if rollout.release:
        yield "plan", _plan(rollout)
        yield "release", _release(rollout)
    yield "next", Text(next_step(rollout, now))
    if rollout.is_live:
        yield "evidence", _evidence(rollout, measured)
    if measured is None:
        yield "measured", Text(f"nothing: {picture.unmeasured_because}", HARM)
        return
    if measured.traffic:
        yield "bad", _traffic(measured)
    yield "alarms", _alarms(measured)


def _plan(rollout: Rollout) -> Text:
    release = rollout.release
    if release is None:
        return Text()
    line = Text(f"{release.plan.kind.value}  ", QUIET)
    was_climbed = rollout.step + 1 >= len(release.plan.shares)
    for index, share in enumerate((*release.plan.shares, 1.0)):
        is_here = rollout.is_live and index == rollout.step
        is_over = rollout.phase is Phase.PROMOTED and (was_climbed or share == 1)
        is_done = index < rollout.step or is_over
        style, mark = (CANDIDATE, "●") if is_here else (STABLE, "✓") if is_done else (QUIET, "○")
        line.append(f"{mark} {percent(share)}", style)
        if share < 1:
            line.append(" → ", QUIET)
        else:
            break
    return line.append(f"   bake {duration(timedelta(seconds=release.plan.bake_s))} each", QUIET)


def _release(rollout: Rollout) -> Text:
    release = rollout.release
    if release is None:
        return Text()
    text = Text(f"Lambda version {release.version}, model version {release.model_version}")
    return text.append(f"  sha256 {release.digest[:12]}" if release.digest else "", QUIET)


def _evidence(rollout: Rollout, measured: Measured | None) -> RenderableType:
    needed = evidence_needed(rollout)
    series = list(measured.evidence) if measured else []
    if rollout.verdict:
        series.append(rollout.verdict.log_evidence)
    if not series:
        return Text("none yet", QUIET)
    newest = series[-1]
    line = sparkline(series, low=-needed, high=0, width=BAR_WIDTH)
    line.append(f"  {newest:+.2f}", HARM if newest >= 0 else "")
    line.append(f"  rolls back at 0, nothing known is {-needed:+.2f} (log10 αE)", QUIET)
    if rollout.verdict is None:
        return line
    because = "; ".join(rollout.verdict.reasons)
    return Group(line, Text(f"{rollout.verdict.outcome.value.replace('_', ' ')}: {because}", QUIET))


def _traffic(measured: Measured) -> Table:
    table = Table.grid(padding=(0, 2))
    highest = max((part.bad_share or 0 for part in measured.traffic), default=0)
    for part in measured.traffic:
        style = CANDIDATE if part.role == "candidate" else STABLE
        rate = part.bad_share
        cells = round(20 * rate / highest) if rate and highest else 0
        table.add_row(
            Text(f"{part.version} {part.role}", style),
            Text("nothing served" if rate is None else percent(rate), style),
            Text("█" * max(cells, 1 if rate else 0), HARM if part.bad else QUIET),
            Text(f"{part.bad:,} of {part.requests:,} requests" if part.requests else "", QUIET),
        )
    return table


def _alarms(measured: Measured) -> Text:
    if not measured.alarms:
        return Text("none exist: nothing but the guard would roll this back", "yellow")
    red = [alarm for alarm in measured.alarms if alarm.is_red]
    quiet = [alarm for alarm in measured.alarms if not alarm.is_red]
    line = Text()
    for alarm in red:
        subject = f"{alarm.kind} {alarm.version}".strip()
        effect = alarm.effect.value.replace("_", " ")
        style = HARM if alarm.effect is AlarmEffect.ROLL_BACK else "yellow"
        line.append(f"● {subject}: {alarm.says} ({effect})\n", style)
    kinds = ", ".join(f"{alarm.kind} {alarm.version}".strip() for alarm in quiet)
    line.append(f"○ {kinds}" if kinds else "", QUIET)
    return line
