"""The token issuer's public keys, where authorizer and replicas read them."""

from typing import Final

from aws_cdk import aws_ssm as ssm
from constructs import Construct

from falaj.contract import KEYS_PARAMETER

LARGEST_STANDARD_BYTES: Final = 4096
"""Source:
docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html."""


def keys_parameter(scope: Construct, id_: str, keys: str) -> ssm.CfnParameter:
    """Make the parameter.

    Args:
        scope: Where it belongs.
        id_: Its id there.
        keys: A JSON Web Key Set.
    """
    return ssm.CfnParameter(
        scope,
        id_,
        type="String",
        name=KEYS_PARAMETER,
        description="Public keys of the token issuer; overwrite it to withdraw one at once",
        tier="Standard" if len(keys) <= LARGEST_STANDARD_BYTES else "Advanced",
        value=keys,
    )
