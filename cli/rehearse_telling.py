"""What a rehearsal tells a person: while it goes on, and when it is over."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from local_region.rehearsal.recording import Recording
    from local_region.rehearsal.scenario import Result

SHOWN_MOMENTS: Final = 6
LINES: Final = 10
"""How many lines of progress there are where nobody can look at a picture."""
_BAR: Final = 40


class Watching:
    """Tells how far a rehearsal is: a picture on a terminal, a line now and then elsewhere.

    Args:
        console: Where; a quiet one is told nothing.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = (
            Live(console=console, transient=True, refresh_per_second=4)
            if console.is_terminal
            else None
        )
        self._lines = 0

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, sentence: str) -> None:
        """Say what has begun."""
        self._console.print(f"[dim]·[/] {escape(sentence)}")

    def look(self, recording: "Recording", at: datetime, over: float) -> None:
        """Show where the rollout is; `over` is the share of the longest time that has passed."""
        level = recording.levels[-1] if recording.levels else None
        share, phase = (level.share, level.phase) if level else (0.0, "…")
        now, left = clock(recording.seconds(at)), f"at most {1 - over:.0%} of the time left"
        if self._live is None:
            if over * LINES >= self._lines + 1:
                self._lines = int(over * LINES)
                self.say(f"{now} of virtual time: {phase}, {share:.0%} on the candidate; {left}")
            return
        grid = Table.grid(padding=(0, 2))
        grid.add_row(
            Text(now, style="bold cyan"),
            Text(phase),
            ProgressBar(total=1.0, completed=share, width=_BAR),
            Text(f"{share:.0%} on the candidate"),
            Text(left, style="dim"),
        )
        moments = recording.timeline[-SHOWN_MOMENTS:]
        self._live.update(Group(grid, *(_line(m.at_s, m.kind, m.text) for m in moments)))


_STYLES: Final = {"alarm": "red", "fault": "magenta", "share": "cyan", "end": "bold"}


def _line(at_s: float, kind: str, text: str) -> Text:
    line = Text(f"{clock(at_s):>8}  ", style="dim")
    line.append(f"{kind:<9}", style=_STYLES.get(kind, "dim"))
    line.append(text)
    line.truncate(160, overflow="ellipsis")
    return line


def clock(seconds: float) -> str:
    """Write virtual time as a stop watch does."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


_COLOURS: Final = {"promoted": "green", "rolled_back": "red", "inconclusive": "yellow"}


def summary(result: "Result") -> Iterator[Any]:
    """Yield what a person wants to see of a rehearsal."""
    for moment in result.timeline:
        yield _line(moment.at_s, moment.kind, moment.text)
    colour = _COLOURS.get(result.verdict.value, "magenta")
    yield ""
    yield (
        f"[bold {colour}]{result.verdict.value.replace('_', ' ')}[/] after "
        f"{clock(result.virtual_seconds)} of virtual time"
        + (f", because of [bold]{escape(result.cause)}[/]" if result.cause else "")
    )
    yield f"  {escape(result.reason)}"
    table = Table(box=None, pad_edge=False)
    for heading in ("", "requests", "bad"):
        table.add_column(heading, justify="right" if heading else "left")
    table.add_row(
        f"candidate ({result.to_version})",
        f"{result.candidate_requests}",
        f"[red]{result.candidate_bad}[/]" if result.candidate_bad else "0",
    )
    table.add_row(
        f"stable ({result.from_version})", f"{result.stable_requests}", f"{result.stable_bad}"
    )
    yield table
    yield from _answers(result)
    weights = result.final_alias["weights"]
    shares = ", ".join(f"{share:.0%} to version {version}" for version, share in weights.items())
    yield f"the alias names version {result.final_alias['version']}" + (
        f", and gives {shares}" if shares else ""
    )


def _answers(result: "Result") -> Iterator[Any]:
    """Yield what callers of each priority were answered while zones were lost."""
    lost = [minute for minute in result.minutes if minute["zones_lost"]]
    if not lost:
        return
    statuses = sorted({s for minute in lost for found in minute["answers"].values() for s in found})
    table = Table(box=None, pad_edge=False)
    for heading in ("while zones are lost", *statuses):
        table.add_column(heading, justify="right" if heading in statuses else "left")
    for priority in sorted({p for minute in lost for p in minute["answers"]}):
        counts = [
            sum(minute["answers"].get(priority, {}).get(status, 0) for minute in lost)
            for status in statuses
        ]
        table.add_row(f"priority {priority}", *map(str, counts))
    yield table
