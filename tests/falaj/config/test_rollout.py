"""The controller's environment is read once, and all its faults are named at once."""

import pytest

from falaj.config.rollout import RolloutSettings
from falaj.errors import ConfigurationError

ENOUGH = {"FALAJ_TABLE": "t", "FALAJ_DECISIONS_BUCKET": "b", "FALAJ_SIGNING_KEY": "k"}


def test_topic_and_webhook_are_optional():
    """A table, a bucket and a key are enough."""
    settings = RolloutSettings.from_env(ENOUGH)
    assert (settings.table, settings.notices_topic, settings.webhook_url) == ("t", "", "")


def test_every_fault_is_named():
    """One deployment shows everything that is missing."""
    with pytest.raises(ConfigurationError) as refused:
        RolloutSettings.from_env({"FALAJ_WEBHOOK_URL": "http://hooks.example/x"})
    assert len(refused.value.faults) == 5


@pytest.mark.parametrize("url", ["https://hooks.example/x", "http://127.0.0.1:8080/x"])
def test_a_webhook_is_private(url):
    """It is https, or this machine."""
    more = {"FALAJ_WEBHOOK_URL": url, "FALAJ_WEBHOOK_KEY_PARAMETER": "/p"}
    assert RolloutSettings.from_env(ENOUGH | more).webhook_url == url
