"""What the analyst is asked is read whole, or refused with what to do."""

import pytest

from falaj.errors import MalformedRequestError
from falaj.experiments.lifecycle import Command
from falaj.experiments.orders import Form, Order, Query, ReportQuery, Round, read_asked

SPEC = {
    "name": "greeting",
    "model": "tashkeel",
    "arms": [{"name": "control", "share": 0.5}, {"name": "warm", "share": 0.5}],
    "metrics": [{"name": "m", "kind": "binary"}],
}
SAID = {"actor": "sara", "reason": "we want to know"}


def test_a_start_carries_its_declaration():
    """Model and name are the declaration's own."""
    order = read_asked({"command": {"verb": "start", "spec": SPEC} | SAID})

    assert isinstance(order, Order)
    assert (order.command, order.model, order.experiment) == (
        Command.START,
        "tashkeel",
        "greeting",
    )
    assert order.spec is not None


@pytest.mark.parametrize(("choice", "arm"), [("promote", "warm"), ("revert", "")])
def test_a_decision_names_its_choice(choice, arm):
    """Promote names an arm where there are several."""
    order = read_asked(
        {
            "command": {"verb": "decide", "choice": choice, "arm": arm}
            | {"model": "tashkeel", "experiment": "greeting"}
            | SAID
        }
    )

    assert isinstance(order, Order)
    assert (order.command.value, order.arm) == (choice, arm)


def test_questions_are_read():
    """No names ask about everything."""
    assert read_asked({"query": {}}) == Query()
    assert read_asked(
        {"report": {"model": "m", "experiment": "e", "form": "html", "is_fresh": True}}
    ) == ReportQuery(model="m", experiment="e", form=Form.HTML, is_fresh=True)


@pytest.mark.parametrize("event", [{"detail-type": "Scheduled Event"}, {}, None, "tick"])
def test_anything_else_is_a_round(event):
    """An event that is not known is a reason to look at everything."""
    assert isinstance(read_asked(event), Round)


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ({"command": {"verb": "start", "spec": {}} | SAID}, "'name' is missing"),
        ({"command": {"verb": "start", "spec": SPEC, "actor": "sara"}}, "reason is needed"),
        ({"command": {"verb": "turn", "model": "m", "experiment": "e"} | SAID}, "start, grow"),
        (
            {"command": {"verb": "decide", "model": "m", "experiment": "e"} | SAID},
            "promote, revert",
        ),
        ({"command": "stop"}, "keys and values"),
        ({"report": {"model": "m", "experiment": "e", "form": "pdf"}}, "json, html"),
        ({"query": {"model": 3}}, "a text of at most"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(event, sentence):
    """The refusal says what is missing."""
    with pytest.raises(MalformedRequestError, match=sentence):
        read_asked(event)
