"""Promise: the controller learns from an alarm which version it watches and what red means."""

import pytest

from falaj.domain.alarm_text import AlarmText, alarm_text, read_alarm_text
from falaj.domain.observation import AlarmEffect


@pytest.mark.parametrize("effect", list(AlarmEffect))
@pytest.mark.parametrize(("model", "version"), [("tashkeel", "13"), ("tashkeel", ""), ("", "")])
def test_what_is_written_is_read_back(model, version, effect):
    """Nothing of an alarm's meaning is lost on the way through CloudWatch."""
    text = AlarmText(model=model, version=version, effect=effect, kind="errors", says="a: b · c")
    assert read_alarm_text(alarm_text(text)) == text


@pytest.mark.parametrize(
    "description",
    [
        "",
        "somebody's own alarm",
        "x: y · falaj not json",
        'x: y · falaj {"model":"m"}',
        'x: y · falaj {"model":"m","version":"1","effect":"explode","kind":"errors"}',
        "x: y · falaj [1]",
    ],
)
def test_a_stranger_s_alarm_is_not_heeded(description):
    """An alarm without our facts moves no traffic."""
    assert read_alarm_text(description) is None
