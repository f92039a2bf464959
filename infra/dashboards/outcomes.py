"""What functions and containers alike tell of requests: one set of names, one set of graphs."""

from typing import Final

from falaj import contract
from falaj.contract import DIMENSION_MODEL, DIMENSION_RELEASE, METRIC_NAMESPACE
from infra.dashboards.widgets import Entry, expression, metric, search, told_by

_BY_RELEASE: Final = (METRIC_NAMESPACE, DIMENSION_MODEL, DIMENSION_RELEASE)


def by_release(name: str, model: str, *, stat: str = "Sum", what: str = "") -> Entry:
    """Write a metric of each of a model's releases.

    A template knows the release it publishes, and not the one that serves beside it.
    """
    label = " ".join(part for part in (told_by(DIMENSION_RELEASE), what or stat) if part != "Sum")
    return search(
        _BY_RELEASE,
        f'MetricName="{name}" {DIMENSION_MODEL}="{model}"',
        stat=stat,
        label=label,
    )


def outcome_entries(model: str) -> list[Entry]:
    """Write how all of a model's requests ended: what ended well is what is left."""
    shown = (
        ("client", contract.METRIC_CLIENT_ERRORS, "callers' errors"),
        ("nan", contract.METRIC_INVALID_OUTPUT, "invalid output"),
    )
    of_model = {DIMENSION_MODEL: model}
    return [
        expression("all - client - bad", "good"),
        *(
            metric(METRIC_NAMESPACE, name, of_model, id=id_, label=label)
            for id_, name, label in shown
        ),
        expression("bad - nan", "our errors"),
        metric(METRIC_NAMESPACE, contract.METRIC_REQUESTS, of_model, id="all", visible=False),
        metric(METRIC_NAMESPACE, contract.METRIC_BAD, of_model, id="bad", visible=False),
    ]


def share_entries(model: str, release: str) -> list[Entry]:
    """Write the share of requests that a release got: `live`'s weight, as it was really drawn."""
    return [
        expression("100 * FILL(mine, 0) / all", f"to {release}"),
        *_counted(contract.METRIC_REQUESTS, model, release, mine="mine", everyone="all"),
    ]


def bad_share_entries(model: str, release: str) -> list[Entry]:
    """Write a release's share of bad answers beside that of all others together.

    The others are what is left of the model when the release is taken off, as in the alarms.
    """
    return [
        expression("100 * FILL(bad, 0) / mine", f"{release}, candidate"),
        expression(
            "100 * (FILL(allbad, 0) - FILL(bad, 0)) / (all - FILL(mine, 0))", "the others, stable"
        ),
        *_counted(contract.METRIC_REQUESTS, model, release, mine="mine", everyone="all"),
        *_counted(contract.METRIC_BAD, model, release, mine="bad", everyone="allbad"),
    ]


def _counted(name: str, model: str, release: str, *, mine: str, everyone: str) -> list[Entry]:
    own = {DIMENSION_MODEL: model, DIMENSION_RELEASE: release}
    return [
        metric(METRIC_NAMESPACE, name, own, id=mine, visible=False),
        metric(METRIC_NAMESPACE, name, {DIMENSION_MODEL: model}, id=everyone, visible=False),
    ]
