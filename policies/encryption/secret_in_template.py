"""No secret stands in a template."""

import re
from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule

_NAME: Final = re.compile(r"(?i)(password|passwd|secret|api_?key|access_?token|private_?key)$")
_KEY: Final = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----")
"""Source: docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html (AKIA, ASIA)."""


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for path, text in resource.texts:
        name = path.rpartition(".")[2]
        if (
            text != name
            and _NAME.search(name)
            and not text.startswith(("${", "{{resolve:", "/", "arn:"))
        ):
            yield f"{path} holds a secret in clear; keep it in a SecureString and name that"
        elif _KEY.search(text):
            yield f"{path} holds an access key or a private key"


RULE = Rule(
    id="encryption.secret-in-template",
    title="No secret in clear",
    reason="Templates and settings are read by everyone who may describe a stack or a function.",
    source=(
        "https://docs.aws.amazon.com/prescriptive-guidance/latest/"
        "secure-sensitive-data-secrets-manager-terraform/best-practices.html"
    ),
    controls=("PDPL-20", "ISO-5.17", "IAR-T5"),
    types=("AWS::Lambda::Function", "AWS::ECS::TaskDefinition", "AWS::SSM::Parameter"),
    check=_check,
)
