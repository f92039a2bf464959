"""Exposures and outcomes are written so that they can be read again."""

import json
import math

import pytest

from falaj.experiments.records import Exposure, Outcome

EXPOSURE = Exposure(experiment="e", unit="u", arm="a", inference_id="i", at=1.5, covariate=2.0)
OUTCOME = Outcome(inference_id="i", metric="label", value="approved", at=2.0, id="k")


@pytest.mark.parametrize("record", [EXPOSURE, OUTCOME])
def test_record_survives_json(record):
    """A line of the log gives the record back."""
    line = json.dumps(record.to_dict())

    assert type(record).from_dict(json.loads(line) | {"added_later": 1}) == record


@pytest.mark.parametrize("value", [math.nan, math.inf, None, [1]])
def test_outcome_value_that_is_no_number_is_refused(value):
    """NaN never enters a mean."""
    with pytest.raises(ValueError, match="value is a finite number"):
        Outcome(inference_id="i", metric="m", value=value, at=0)


def test_exposure_without_unit_is_refused():
    """An exposure of nobody counts for nothing."""
    with pytest.raises(ValueError, match="needs experiment, unit"):
        Exposure(experiment="e", unit="", arm="a", inference_id="i", at=0)
