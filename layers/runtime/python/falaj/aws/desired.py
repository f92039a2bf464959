"""What stacks want, as SSM parameters say it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from falaj.aws.calls import NOT_FOUND, Client, calling, code_of
from falaj.contract import MODELS_PARAMETER_ROOT, desired_release_parameter
from falaj.domain.plan import Release
from falaj.domain.release import DesiredRelease
from falaj.domain.waking import model_of
from falaj.errors import ConfigurationError

_LEAF: Final = "/desired-release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a stack wants, and of which function."""

    release: Release
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What all stacks want.

    Attributes:
        readable: By model.
        faults: By model, what is wrong with a wish that cannot be read.
    """

    readable: Mapping[str, Wish]
    faults: Mapping[str, str]


class DesiredReleases:
    """Reads desired-release parameters.

    Args:
        client: An SSM client.
    """

    def __init__(self, client: Client) -> None:
        self._ssm = client

    def read(self, model: str) -> Wish | None:
        """Return what the model's stack wants; None while it has not said.

        Raises:
            DependencyError: SSM does not answer.
            ConfigurationError: The parameter is not a desired release.
        """
        with calling("ssm", f"read the desired release of {model}"):
            try:
                found = self._ssm.get_parameter(Name=desired_release_parameter(model))
            except ClientError as error:
                if code_of(error) in NOT_FOUND:
                    return None
                raise
        return _wish(found["Parameter"])

    def read_all(self) -> Wishes:
        """Return what every model's stack wants.

        Raises:
            DependencyError: SSM does not answer.
        """
        with calling("ssm", "list desired releases"):
            pages = self._ssm.get_paginator("get_parameters_by_path").paginate(
                Path=MODELS_PARAMETER_ROOT, Recursive=True
            )
            found = [
                parameter
                for page in pages
                for parameter in page["Parameters"]
                if parameter["Name"].endswith(_LEAF)
            ]
        readable, faults = {}, {}
        for parameter in found:
            model = model_of(parameter["Name"])
            try:
                readable[model] = _wish(parameter)
            except ConfigurationError as error:
                faults[model] = str(error)
        return Wishes(readable=readable, faults=faults)


def _wish(parameter: Mapping[str, Any]) -> Wish:
    """Read a parameter; its version is the wish's serial."""
    name = parameter["Name"]
    try:
        desired = DesiredRelease.from_dict(json.loads(parameter["Value"]))
        release = Release.from_desired(desired, serial=parameter["Version"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError([f"{name}: not a desired release ({error!r})"]) from error
    return Wish(release=release, function=desired.function)
