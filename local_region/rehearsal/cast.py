"""Who takes part in a rehearsal, found by the names that the contract gives."""

import json
from dataclasses import dataclass
from typing import Any, Self

from falaj.contract import (
    CONTROLLER_PARAMETER,
    ENV_DECISIONS_BUCKET,
    ENV_MODEL_VERSION,
    MANIFEST_FILE,
    PACKAGED_MODEL_ROOT,
    alias_arn_parameter,
    desired_release_parameter,
)
from falaj.domain.release import DesiredRelease
from falaj.errors import ConfigurationError
from local_region.lambda_service import VersionView
from local_region.region import Region


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who takes part.

    Attributes:
        function: The model's function.
        controller: The controller's function.
        stable: Stable's Lambda version.
        desired: What stable's stack wanted.
        golden: The model's golden cases.
        decisions: The bucket of decision records.
    """

    function: str
    controller: str
    stable: VersionView
    desired: DesiredRelease
    golden: list[dict[str, Any]]
    decisions: str

    @classmethod
    def find(cls, region: Region, model: str) -> Self:
        """Find them by the names that the contract gives.

        Raises:
            ConfigurationError: The assembly has no such model, no controller or no golden case.
        """
        ssm = region.backends.client("ssm")
        values = {}
        for name in (
            alias_arn_parameter(model),
            desired_release_parameter(model),
            CONTROLLER_PARAMETER,
        ):
            try:
                values[name] = ssm.get_parameter(Name=name)["Parameter"]["Value"]
            except ssm.exceptions.ParameterNotFound:
                raise ConfigurationError(
                    [f"no stack writes {name}: is {model!r} a model that runs on Lambda?"]
                ) from None
        version = region.functions.get_function(values[alias_arn_parameter(model)])
        controller = region.functions.get_function(values[CONTROLLER_PARAMETER])
        golden = _golden(version, model)
        if not golden:
            raise ConfigurationError([f"model {model!r} has no golden cases to make requests of"])
        return cls(
            function=version.function_name,
            controller=values[CONTROLLER_PARAMETER],
            stable=version,
            desired=desired_of(values[desired_release_parameter(model)]),
            golden=golden,
            decisions=controller.settings.environment[ENV_DECISIONS_BUCKET],
        )


def desired_of(text: str) -> DesiredRelease:
    """Read what a stack wrote."""
    return DesiredRelease.from_dict(json.loads(text))


def _golden(version: VersionView, model: str) -> list[dict[str, Any]]:
    settings = version.settings
    number = settings.environment.get(ENV_MODEL_VERSION, "")
    manifest = settings.code_folder / PACKAGED_MODEL_ROOT / model / number / MANIFEST_FILE
    if not manifest.is_file():
        return []
    return list(json.loads(manifest.read_bytes()).get("golden", []))
