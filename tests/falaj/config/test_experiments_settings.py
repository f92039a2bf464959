"""What the functions of experiments need is said all at once when it is missing."""

import pytest

from falaj.config.experiments import FeedbackSettings, RecorderSettings
from falaj.config.settings import Settings
from falaj.errors import ConfigurationError

ASSIGNING = {
    "FALAJ_MODEL_NAME": "rows",
    "FALAJ_MODEL_VERSION": "1",
    "FALAJ_EXPERIMENTS": "/falaj/models/rows/experiments",
    "FALAJ_PSEUDONYM_KEY": "alias/falaj-pseudonyms",
}


def test_a_function_with_arms_knows_where_to_look():
    """Parameter and key come from the environment."""
    settings = Settings.from_env(ASSIGNING)

    assert settings.experiments == "/falaj/models/rows/experiments"
    assert settings.pseudonym_key == "alias/falaj-pseudonyms"
    assert not Settings.from_env({}).experiments


def test_assigning_needs_a_version_a_key_and_its_log():
    """Nobody is assigned who could not be served, named or recorded."""
    with pytest.raises(ConfigurationError) as refusal:
        Settings.from_env({"FALAJ_EXPERIMENTS": "x", "FALAJ_LOG_LEVEL": "warning"})

    told = "; ".join(refusal.value.faults)
    for part in ("FALAJ_MODEL_VERSION", "FALAJ_PSEUDONYM_KEY", "exposures are logged at INFO"):
        assert part in told


def test_the_recorder_needs_a_bucket():
    """It does not start without."""
    with pytest.raises(ConfigurationError, match="FALAJ_EXPERIMENTS_BUCKET is not set"):
        RecorderSettings.from_env({})
    assert RecorderSettings.from_env({"FALAJ_EXPERIMENTS_BUCKET": "b"}).bucket == "b"


def test_feedback_goes_to_both_or_nowhere():
    """Half a place to keep it is a mistake; none is a deployment without experiments."""
    both = {"FALAJ_EXPERIMENTS_BUCKET": "b", "FALAJ_FEEDBACK_TABLE": "t"}

    assert FeedbackSettings.from_env({}) is None
    assert FeedbackSettings.from_env(both) == FeedbackSettings(bucket="b", table="t")
    for name, value in both.items():
        with pytest.raises(ConfigurationError, match="feedback needs bucket and table"):
            FeedbackSettings.from_env({name: value})
