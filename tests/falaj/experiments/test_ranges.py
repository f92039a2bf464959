"""Changing a share flips nobody back."""

import pytest
from hypothesis import given, settings, strategies as st

from falaj.errors import ConfigurationError
from falaj.experiments.ranges import (
    STEPS,
    Slice,
    bucket_ranges,
    choose_variation,
    grow,
    share_of,
    slices_from_ranges,
)


def owner(slices, place):
    """Find the arm that has a place."""
    return next((s.arm for s in slices if s.start <= place < s.end), None)


@settings(max_examples=60, deadline=None)
@given(
    arms=st.integers(2, 5),
    data=st.data(),
)
def test_growing_shares_moves_nobody_who_has_an_arm(arms, data):
    """Through any sequence of larger shares, whoever had an arm keeps it."""
    slices, shares = (), [0] * arms
    for _ in range(data.draw(st.integers(1, 4))):
        free = STEPS - sum(shares)
        for arm in range(arms):
            more = data.draw(st.integers(0, free))
            shares[arm] += more
            free -= more
        grown = grow(slices, [share / STEPS for share in shares])
        for place in range(0, STEPS, 37):
            before = owner(slices, place)
            assert before is None or owner(grown, place) == before
        assert [round(share_of(grown, arm) * STEPS) for arm in range(arms)] == shares
        slices = grown


@settings(max_examples=60, deadline=None)
@given(
    weights=st.lists(st.integers(1, 50), min_size=2, max_size=5),
    coverages=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_growing_coverage_moves_nobody_who_has_an_arm(weights, coverages):
    """Raising coverage only lets more subjects in."""
    shares = [weight / sum(weights) for weight in weights]
    small = bucket_ranges(len(shares), min(coverages), shares)
    large = bucket_ranges(len(shares), max(coverages), shares)

    for place in range(0, STEPS, 41):
        before = choose_variation(place / STEPS, small)
        assert before in {-1, choose_variation(place / STEPS, large)}


@settings(max_examples=60, deadline=None)
@given(
    weights=st.lists(st.integers(1, 50), min_size=1, max_size=5),
    coverage=st.floats(0, 1),
)
def test_slices_hold_exactly_the_places_of_their_ranges(weights, coverage):
    """Assigning by slice is assigning by GrowthBook's ranges."""
    ranges = bucket_ranges(len(weights), coverage, [w / sum(weights) for w in weights])
    slices = slices_from_ranges(ranges)

    for place in range(0, STEPS, 13):
        found = owner(slices, place)
        assert choose_variation(place / STEPS, ranges) == (-1 if found is None else found)


def test_shrinking_an_arm_is_refused_with_the_mend():
    """A smaller share would flip subjects, so it is not possible."""
    with pytest.raises(ConfigurationError, match="would flip; stop the experiment"):
        grow([Slice(0, 500, 0)], [0.04])


def test_shares_above_one_are_refused():
    """There is no more hash space than all of it."""
    with pytest.raises(ConfigurationError, match="more than 1"):
        grow([], [0.7, 0.4])
