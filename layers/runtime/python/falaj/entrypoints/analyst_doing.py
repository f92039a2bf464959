"""What a decision does to the world. Everything here may be done twice without harm."""

from datetime import datetime
from typing import Final

from falaj.domain.actions import Notify
from falaj.domain.clock import Clock
from falaj.domain.observation import Command as RolloutCommand, ExperimentOutcome, Verb
from falaj.domain.plan import Plan, PlanKind
from falaj.domain.rollout import LIVE, Hold, Phase as RolloutPhase, Rollout
from falaj.entrypoints.analyst_growing import grow_coverage
from falaj.entrypoints.analyst_world import AnalystWorld
from falaj.errors import ConfigurationError, ExperimentRefusedError
from falaj.experiments.announcing import AHEAD, SLOWEST_WRITE
from falaj.experiments.lifecycle import Action, ExperimentState, Phase, Verdict
from falaj.experiments.live import LiveExperiment, LiveExperiments, LiveSplit, Promotion
from falaj.experiments.spec import ExperimentSpec, Unit

ACTOR: Final = "experiment-analyst"

_OUTCOMES: Final = {
    Verdict.WINNER: ExperimentOutcome.WINNER,
    Verdict.LOSER: ExperimentOutcome.LOSER,
    Verdict.NO_DIFFERENCE: ExperimentOutcome.NO_DIFFERENCE,
}
_HOLDING: Final = (RolloutPhase.BAKING, RolloutPhase.EXTENDED)
_SHARE_TOLERANCE: Final = 1e-6
_ANNOUNCEMENTS: Final = 3
"""At most; SSM that is slow so often is slow for everybody, and a start must end."""


def do(world: AnalystWorld, clock: Clock, state: ExperimentState, action: Action) -> None:
    """Do one thing that a decision owes.

    Raises:
        ExperimentRefusedError: The world is not such that it can be done.
        DependencyError: A service refused or does not answer.
    """
    match action:
        case Action.START_SPLIT:
            _start(world, clock, state)
        case Action.GROW_COVERAGE:
            grow_coverage(world, state.running_spec)
        case Action.PROMOTE_ARM:
            _end(world, state, Verb.PROMOTE)
        case Action.REVERT_TO_CONTROL:
            _end(world, state, Verb.ABORT)
        case Action.NOTIFY:
            _notify(world, state)


def check_start(world: AnalystWorld, spec: ExperimentSpec) -> None:
    """Refuse an experiment that could not run as declared.

    Raises:
        ExperimentRefusedError: With every reason.
        DependencyError: A service does not answer.
    """
    wish = world.desired.read(spec.model)
    if wish is None:
        raise ExperimentRefusedError([f"no stack has stated a release of model {spec.model!r}"])
    if faults := list(world.live.declared(spec.model).faults(spec)):
        raise ExperimentRefusedError(faults)
    live = world.live.read(spec.model)
    if spec.unit is Unit.SUBJECT:
        try:
            live.with_sticky(LiveExperiment.of(spec)).to_json()
        except ConfigurationError as error:
            raise ExperimentRefusedError(error.faults) from error
        return
    faults = _plan_faults(spec, wish.release.plan)
    if live.split is not None:
        faults.append(f"experiment {live.split.key!r} runs on this split already")
    if not faults:
        faults += _split_faults(spec, world.rollouts.load(spec.model).rollout)
    if faults:
        raise ExperimentRefusedError(faults)


def _plan_faults(spec: ExperimentSpec, plan: Plan) -> list[str]:
    if plan.kind is not PlanKind.SPLIT:
        kind = plan.kind.value
        return [f"release.plan of {spec.model!r} is {kind}; an experiment by request needs split"]
    faults = [
        f"{name} is {mine.value} here and {theirs.value} in the release: say the same in both"
        for name, mine, theirs in (
            ("on_win", spec.on_win, plan.on_win),
            ("on_loss", spec.on_loss, plan.on_loss),
        )
        if mine.value != theirs.value
    ]
    share, held = spec.arms[1].share, plan.shares[-1]
    if abs(share - held) > _SHARE_TOLERANCE:
        faults.append(f"arm {spec.arms[1].name!r} has share {share:g}, the split holds {held:g}")
    return faults


def _split_faults(spec: ExperimentSpec, rollout: Rollout) -> list[str]:
    if rollout.release is None or not rollout.stable:
        return [f"model {spec.model!r} has one version only: there is nothing to split"]
    shares = rollout.release.plan.shares
    if rollout.phase not in _HOLDING or rollout.step + 1 < len(shares):
        stands = f"{rollout.phase.value} at {rollout.share:g}"
        return [f"the rollout is {stands}; start when it holds its last share, {shares[-1]:g}"]
    arm = spec.arms[1]
    if arm.model_version not in {None, rollout.release.model_version}:
        theirs = rollout.release.model_version
        return [f"arm {arm.name!r} is version {arm.model_version}, the candidate is {theirs}"]
    return []


def ended_elsewhere(world: AnalystWorld, state: ExperimentState) -> str:
    """Say how a split ended without the experiment; empty while it runs.

    Raises:
        DependencyError: A service does not answer.
    """
    spec = state.spec
    if spec.unit is not Unit.REQUEST or Action.START_SPLIT in state.owed:
        return ""
    split = world.live.read(spec.model).split
    if split is None or split.key != spec.name:
        return "the split is no longer known"
    rollout = world.rollouts.load(spec.model).rollout
    candidate = candidate_of(split, spec)
    if rollout.candidate == candidate and rollout.phase in LIVE:
        return ""
    if rollout.candidate != candidate:
        return f"version {candidate} is no longer the candidate, {rollout.candidate or 'none'} is"
    last = rollout.log[-1].reason if rollout.log else "nobody said why"
    return f"the rollout of version {candidate} is {rollout.phase.value}: {last}"


def candidate_of(split: LiveSplit, spec: ExperimentSpec) -> str:
    """Name the Lambda version of the arm that is not the control."""
    return next(version for version, arm in split.arms.items() if arm != spec.control.name)


def _start(world: AnalystWorld, clock: Clock, state: ExperimentState) -> None:
    spec = state.spec
    live = world.live.read(spec.model)
    if spec.unit is Unit.SUBJECT:
        started = live.with_sticky(LiveExperiment.of(state.running_spec))
        if started != live:
            world.live.write(spec.model, started)
    elif live.split is None or live.split.key != spec.name:
        _announce(world, clock, spec, live)


def _announce(
    world: AnalystWorld, clock: Clock, spec: ExperimentSpec, live: LiveExperiments
) -> None:
    """Write down a split that begins a little later (`falaj.experiments.announcing`)."""
    rollout = world.rollouts.load(spec.model).rollout
    arms = {rollout.stable: spec.control.name, rollout.candidate: spec.arms[1].name}
    for _ in range(_ANNOUNCEMENTS):
        now = clock.now()
        split = LiveSplit(key=spec.name, arms=arms, since=(now + AHEAD).timestamp())
        world.live.write(spec.model, live.with_split(split))
        if clock.now() - now <= SLOWEST_WRITE:
            return


def ended_at(state: ExperimentState) -> datetime:
    """Say when an experiment came to its end: what was shown later is no part of it."""
    return state.log[-1].at


def _end(world: AnalystWorld, state: ExperimentState, verb: Verb) -> None:
    spec = state.spec
    live = world.live.read(spec.model)
    split = live.split
    if spec.unit is Unit.REQUEST and split is not None and split.key == spec.name:
        _end_split(world, state, candidate_of(split, spec), verb)
    ended = live.without(spec.name, at=ended_at(state).timestamp())
    is_sticky_win = spec.unit is Unit.SUBJECT and verb is Verb.PROMOTE
    if is_sticky_win and (stand_in := _promotion(world, state)):
        ended = ended.with_promotion(stand_in)
    if ended != live:
        world.live.write(spec.model, ended)


def _promotion(world: AnalystWorld, state: ExperimentState) -> Promotion | None:
    """Say whom everyone gets; None when it is the release's own version."""
    spec = state.spec
    arm = next(each for each in spec.arms if each.name == state.arm)
    wish = world.desired.read(spec.model)
    own = wish.release.model_version if wish is not None else spec.control.model_version
    if arm.model_version is None or own is None or arm.model_version == own:
        return None
    return Promotion(version=arm.model_version, instead_of=own)


def tell_split(world: AnalystWorld, state: ExperimentState) -> None:
    """Tell the rollout controller a verdict that leaves the split as it is.

    Raises:
        DependencyError: A service does not answer.
    """
    split = world.live.read(state.spec.model).split
    outcome = _OUTCOMES.get(state.verdict) if state.verdict else None
    if split is not None and split.key == state.spec.name and outcome is not None:
        world.rollouts.put_experiment(state.spec.model, candidate_of(split, state.spec), outcome)


def _end_split(world: AnalystWorld, state: ExperimentState, candidate: str, verb: Verb) -> None:
    """Let the controller end the split: by the verdict where its plan knows what follows.

    A verdict is obeyed when the guard lets it; everything else is a command, obeyed at once.
    """
    model, rollout = state.spec.model, world.rollouts.load(state.spec.model).rollout
    if rollout.candidate != candidate or rollout.phase not in LIVE:
        return
    outcome = _OUTCOMES.get(state.verdict) if state.verdict else None
    if outcome is not None:
        world.rollouts.put_experiment(model, candidate, outcome)
    is_by_verdict = not state.log[-1].actor and outcome in {
        ExperimentOutcome.WINNER,
        ExperimentOutcome.LOSER,
    }
    if is_by_verdict and rollout.hold is not Hold.EXPERIMENT:
        return
    world.rollouts.append_command(
        model,
        RolloutCommand(
            serial=0,
            verb=verb,
            version=candidate,
            reason=f"experiment {state.spec.name}: {state.reason}"[:1000],
            actor=state.log[-1].actor or ACTOR,
        ),
    )


def _notify(world: AnalystWorld, state: ExperimentState) -> None:
    spec = state.spec
    arm = f" ({state.arm})" if state.arm else ""
    text = f"{spec.model}: experiment {spec.name} is {state.phase.value}{arm}: {state.reason}"
    is_page = state.verdict is Verdict.INVALID or state.phase is Phase.HELD
    world.notices.send(spec.model, Notify(generation=state.generation, text=text, is_page=is_page))
