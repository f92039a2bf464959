"""catalogue.json says the same after a round trip."""

import json

import pytest

from falaj.domain.published import PublishedModel
from tests.falaj.platform_front import published_models


def test_entries_survive_json():
    """What infra writes, the platform reads."""
    models = published_models()

    assert (
        tuple(PublishedModel.from_dict(json.loads(json.dumps(m.to_dict()))) for m in models)
        == models
    )


def test_served_version_is_one_of_those_held():
    """An entry that contradicts itself is refused."""
    entry = published_models()[0].to_dict() | {"version": 99, "versions": [1]}

    with pytest.raises(ValueError, match="not among its own"):
        PublishedModel.from_dict(entry)
