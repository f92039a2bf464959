"""Promise: a rehearsal's picture fits what it is drawn on, a desk's screen or a phone's."""

import re

import pytest

from local_region.rehearsal.paper import DESK, PHONE, Axis
from local_region.rehearsal.picture import picture
from local_region.rehearsal.scenario import Ending, Level, Moment, Result, Scenario, Span

END_S = 2280.0
PAPERS = pytest.mark.parametrize("paper", [DESK, PHONE], ids=lambda paper: paper.name)


@pytest.fixture
def promoted():
    """A rollout that takes its last share as it ends, and an alarm of stable on the way."""
    shares = ((1.0, 0.05), (1080.0, 0.25), (1680.0, 0.5), (END_S, 1.0))
    return Result(
        scenario=Scenario(model="m"),
        from_version="1",
        to_version="2",
        plan={},
        verdict=Ending.PROMOTED,
        reason="safe",
        cause="",
        requests=900,
        unanswered=0,
        candidate_requests=300,
        candidate_bad=3,
        candidate_cold_starts=1,
        stable_requests=600,
        stable_bad=6,
        virtual_seconds=END_S,
        final_alias={"version": "2", "weights": {}},
        timeline=(
            *(Moment(at_s=at, kind="share", text="", share=share) for at, share in shares),
            Moment(at_s=2000.0, kind="alarm", text="falaj-m-errors-0a1b2c3d OK → ALARM"),
            Moment(at_s=END_S, kind="end", text="promoted: safe"),
        ),
        spans=tuple(
            Span(at_s=at * 10.0, candidate=2, stable=4, stable_bad=at % 2) for at in range(228)
        ),
        levels=tuple(
            Level(
                at_s=at * 60.0,
                share=0.5,
                log_evidence=-2.0,
                phase="BAKING",
                decision="finished" if at == 38 else "",
            )
            for at in range(39)
        ),
    )


@PAPERS
def test_everything_is_drawn_inside(promoted, paper):
    """Nothing begins or ends beyond the screen, and nobody has to move the picture sideways."""
    drawn = picture(promoted, paper)
    places = [float(x) for x in re.findall(r'\b(?:x|x1|x2|cx)="([-\d.]+)"', drawn)]
    points = [float(x) for x in re.findall(r"([-\d.]+),[-\d.]+", drawn)]

    assert f'viewBox="0 0 {paper.width} ' in drawn
    assert min(places + points) >= 0
    assert max(places + points) <= paper.width


@PAPERS
def test_last_share_is_written_before_the_edge(promoted, paper):
    """The percentage beside the last step turns round where there is no room after it."""
    x, anchor = re.findall(
        r'x="([\d.]+)"[^>]* text-anchor="(\w+)">100%<', picture(promoted, paper)
    )[0]

    assert anchor == "end" or float(x) + 30 <= paper.width


@PAPERS
@pytest.mark.parametrize("end_s", [60.0, 2280.0, 7500.0, 2 * 86_400.0])
def test_few_moments_are_named(paper, end_s):
    """As many as the paper has room for, the beginning included."""
    ticks = list(Axis(end_s=end_s, paper=paper).ticks())

    assert ticks[0] == 0
    assert 2 <= len(ticks) <= paper.most_ticks + 1


def test_phone_reads_the_same_panels(promoted):
    """Titles and notes are all there, in lines of their own."""
    panels = ("Share of the candidate", "Bad answers", "Evidence of harm", "Alarms")

    assert all(
        picture(promoted, paper).count(title) == 1 for title in panels for paper in (DESK, PHONE)
    )
