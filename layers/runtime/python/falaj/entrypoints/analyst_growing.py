"""Shares that grow while an experiment runs: a person's coverage, a bandit's steps.

Both take subjects that nobody had; whoever has an arm keeps it.
"""

import random
from datetime import datetime

from falaj.entrypoints.analyst_world import AnalystWorld, Look
from falaj.errors import ConfigurationError, ExperimentRefusedError
from falaj.experiments.bandit import grown_shares, thompson_shares
from falaj.experiments.lifecycle import ExperimentState
from falaj.experiments.live import LiveExperiment, LiveExperiments
from falaj.experiments.spec import ExperimentSpec


def check_ranges(world: AnalystWorld, spec: ExperimentSpec) -> None:
    """Refuse a coverage that would flip somebody, or that requests could not be told.

    Args:
        world: What runs.
        spec: The declaration with the coverage that is wanted.

    Raises:
        ExperimentRefusedError: With the reason.
        DependencyError: A service does not answer.
    """
    try:
        _covering(world.live.read(spec.model), spec).to_json()
    except ConfigurationError as error:
        raise ExperimentRefusedError(error.faults) from error


def grow_coverage(world: AnalystWorld, spec: ExperimentSpec) -> None:
    """Tell requests how many subjects take part from now on.

    Raises:
        ConfigurationError: Somebody would get another arm.
        DependencyError: A service does not answer.
    """
    live = world.live.read(spec.model)
    grown = _covering(live, spec)
    if grown != live:
        world.live.write(spec.model, grown)


def _covering(live: LiveExperiments, spec: ExperimentSpec) -> LiveExperiments:
    wanted, mine = LiveExperiment.of(spec), _running(live, spec)
    if mine is not None and not wanted.allocation.keeps(mine.allocation):
        fault = (
            f"experiment {spec.name!r}: with coverage {spec.coverage:g} some subjects would get "
            "another arm than they have; stop it and start another"
        )
        raise ConfigurationError([fault])
    return live.with_sticky(wanted)


def grow_bandit(
    world: AnalystWorld, state: ExperimentState, found: Look, now: datetime
) -> dict[str, float]:
    """Give a bandit's better arms more of the subjects that nobody has yet.

    Returns:
        Every arm's new share of all subjects; nothing when nobody was added.

    Raises:
        DependencyError: A service does not answer.
    """
    spec, bandit = state.spec, state.spec.bandit
    if bandit is None or state.started_at is None:
        return {}
    live = world.live.read(spec.model)
    mine = _running(live, spec)
    if mine is None:
        return {}
    shares = _shares_of(mine)
    covered = bandit.covered(spec.coverage, now - state.started_at)
    parts = thompson_shares(
        found.beliefs,
        floor_share=bandit.floor_share,
        rng=random.Random(f"{spec.name}/{covered}"),  # noqa: S311 - repeatable, not secret
        larger_is_better=spec.success.sign > 0,
    )
    grown = grown_shares(list(shares.values()), covered, parts)
    if grown == tuple(shares.values()):
        return {}
    world.live.write(spec.model, live.with_sticky(mine.grown(grown)))
    return dict(zip(shares, grown, strict=True))


def bandit_shares(world: AnalystWorld, spec: ExperimentSpec) -> dict[str, float] | None:
    """Return a bandit's shares of all subjects by arm; None for any other experiment.

    Raises:
        DependencyError: A service does not answer.
    """
    if spec.bandit is None:
        return None
    mine = _running(world.live.read(spec.model), spec)
    return _shares_of(mine) if mine is not None else None


def _running(live: LiveExperiments, spec: ExperimentSpec) -> LiveExperiment | None:
    return next((each for each in live.sticky if each.key == spec.name), None)


def _shares_of(live: LiveExperiment) -> dict[str, float]:
    return {arm: live.allocation.share(arm) for arm in live.allocation.arms}
