"""Which version answers: an alias's weights, checked when set and honoured per request."""

import math
import random
import re
from collections.abc import Mapping

from local_region.lambda_service.names import ADDITIONAL_VERSION_PATTERN, LATEST
from local_region.lambda_service.refusals import ConstraintError, InvalidParameterValueError
from local_region.lambda_service.values import AliasView


def pick_version(alias: AliasView, rng: random.Random) -> str:
    """Draw the version that answers one request of an alias.

    One number is drawn per request whether or not the alias is weighted, so that setting a weight
    does not shift what later requests draw.
    """
    draw = rng.random()
    for version, share in alias.weights.items():
        if draw < share:
            return version
        draw -= share
    return alias.function_version


def check_weights(version: str, weights: Mapping[str, float]) -> None:
    """Refuse a routing configuration as UpdateAlias does.

    Source:
        localstack's test_lambda_api.snapshot.json, test_notfound_and_invalid_routingconfigs.
    """
    if len(weights) > 1:
        raise InvalidParameterValueError(
            "Number of items in AdditionalVersionWeights cannot be greater than 1"
        )
    for other, weight in weights.items():
        if not (math.isfinite(weight) and 0 <= weight <= 1):
            raise _weights_error(
                other,
                weight,
                "Map value must satisfy constraint: [Member must have value less than or equal to "
                "1.0, Member must have value greater than or equal to 0.0, "
                "Member must not be null]",
            )
        if not re.fullmatch(ADDITIONAL_VERSION_PATTERN, other):
            raise _weights_error(
                other,
                weight,
                "Map keys must satisfy constraint: [Member must have length less than or equal to "
                "1024, Member must have length greater than or equal to 1, Member must satisfy "
                f"regular expression pattern: {ADDITIONAL_VERSION_PATTERN}]",
            )
        if version == LATEST:
            raise InvalidParameterValueError(
                "$LATEST is not supported for an alias pointing to more than 1 version"
            )
        if other == version:
            raise InvalidParameterValueError(
                f"Invalid function version {version}. Function version {version} is already "
                "included in routing configuration."
            )


def _weights_error(other: str, weight: float, constraint: str) -> ConstraintError:
    return ConstraintError(
        value=f"{{{other}={weight}}}",
        member="routingConfig.additionalVersionWeights",
        constraint=constraint,
    )
