"""cfn-lint with its rules loaded once a process: its own `lint` loads them for every template."""

from functools import cache

from cfnlint.config import ConfigMixIn
from cfnlint.decode.decode import decode_str
from cfnlint.rules import Match
from cfnlint.runner import Runner


@cache
def _runner() -> Runner:
    return Runner(ConfigMixIn(regions=["me-central-1"]))


def linted(text: str) -> list[Match]:
    """Return all that cfn-lint has to say of a template for the region."""
    template, faults = decode_str(text)
    return faults or list(_runner().validate_template(template))
