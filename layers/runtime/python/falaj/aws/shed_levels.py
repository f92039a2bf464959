"""What the load shedder has said of each model, in one SSM parameter per model."""

import json
from collections.abc import Mapping

from falaj.aws.calls import Client, calling
from falaj.contract import SHED_LEVELS_ROOT, shed_level_parameter
from falaj.domain.codec import canonical_json, decode
from falaj.domain.shedding import ShedLevel


class ShedLevels:
    """Reads and writes levels.

    Args:
        client: An SSM client.
    """

    def __init__(self, client: Client) -> None:
        self._ssm = client

    def read(self) -> Mapping[str, ShedLevel]:
        """Return every level by model; one that nobody can read is left out, and written anew.

        Raises:
            DependencyError: SSM does not answer.
        """
        with calling("ssm", "give the levels of shedding"):
            pages = self._ssm.get_paginator("get_parameters_by_path").paginate(
                Path=SHED_LEVELS_ROOT
            )
            found = [entry for page in pages for entry in page["Parameters"]]
        levels = {}
        for entry in found:
            level = _level(str(entry["Value"]))
            if level is not None:
                levels[str(entry["Name"]).rpartition("/")[2]] = level
        return levels

    def write(self, model: str, level: ShedLevel) -> None:
        """Say whom a model admits from now on; its functions follow within a minute.

        Raises:
            DependencyError: SSM refused or does not answer.
        """
        with calling("ssm", f"keep whom {model} admits"):
            self._ssm.put_parameter(
                Name=shed_level_parameter(model),
                Value=canonical_json(level),
                Type="String",
                Overwrite=True,
            )


def _level(text: str) -> ShedLevel | None:
    try:
        return decode(ShedLevel, json.loads(text))
    except (ValueError, TypeError, KeyError):
        return None
