"""Numbers and verdicts as a reader would say them."""

from typing import Final

from analysis.amounts import amount, percent
from analysis.choosing import ArmsLearned
from analysis.looks import Comparison, Look
from analysis.verdicts import Conclusion
from falaj.experiments.lifecycle import Verdict
from falaj.experiments.spec import ExperimentSpec

VERDICT_WORDS: Final = {
    Verdict.WINNER: "Winner",
    Verdict.LOSER: "Loser",
    Verdict.NO_DIFFERENCE: "No difference that matters",
    Verdict.INCONCLUSIVE: "No verdict yet",
    Verdict.INVALID: "Not valid",
}


def headline(
    spec: ExperimentSpec,
    conclusion: Conclusion,
    shown: Comparison,
    bandit: ArmsLearned | None = None,
) -> str:
    """Say the verdict in a sentence."""
    name, control = shown.metric.name, spec.control.name
    match conclusion.verdict:
        case Verdict.INVALID:
            return "This experiment cannot be read: the assignment of its units is broken."
        case Verdict.INCONCLUSIVE if bandit is not None:
            leader = bandit.leader
            return (
                f"{bandit.arms[leader]} leads in {name}: it is the best arm with probability "
                f"{bandit.best[leader]:.0%}, and gets {bandit.shares[leader]:.0%} of all subjects."
            )
        case Verdict.INCONCLUSIVE:
            arms = "any arm" if conclusion.arm is None else shown.arm
            return f"It is not known yet whether {arms} differs from {control} in {name}."
        case Verdict.NO_DIFFERENCE:
            margin = amount(shown.metric, shown.metric.minimum_effect or 0.0)
            return f"{shown.arm} and {control} do not differ in {name} by as much as {margin}."
        case Verdict.LOSER if not shown.is_worse:
            return f"{shown.arm} does harm: {conclusion.reason}."
    word = "beats" if conclusion.verdict is Verdict.WINNER else "loses to"
    return f"{shown.arm} {word} {control}: {_change(shown, shown.latest)}."


def _change(shown: Comparison, look: Look | None) -> str:
    if look is None or look.effect is None:
        return f"{shown.metric.name} differs"
    effect, metric = look.effect, shown.metric
    verb = "rose" if effect.difference > 0 else "fell"
    change = (
        f"{metric.name} {verb} from {amount(metric, effect.control)} "
        f"to {amount(metric, effect.treatment)}"
    )
    if effect.lift is None or look.lift_interval is None:
        return change
    low, high = look.lift_interval
    return f"{change} ({percent(effect.lift)}; between {percent(low)} and {percent(high)})"
