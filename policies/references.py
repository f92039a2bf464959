"""What a text refers to: placeholders that only deployment fills, ARNs, and addresses."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from falaj.contract import REGION
from policies.application import View

_INNERMOST: Final = re.compile(r"\$\{([^{}]*)\}|\{\{(resolve:[^{}]*)\}\}")
_SSM: Final = "AWS::SSM::Parameter::Value"
_HOLE: Final = "\0"
_ARN: Final = re.compile(r"arn:([^:\s\"']*):([^:\s\"']*):([^:\s\"']*):([^:\s\"']*):")
_URL: Final = re.compile(
    r"(?i)\b(?!s3a?:|file:)[a-z][a-z0-9+.-]*://(?:[^/\s@\"'<>]*@)?(\[[^\]]*\]|[^/:?#\s\"'<>\\,;)]+)"
)
_WITH_PORT: Final = re.compile(r"(?i)(?<![\w.:/@-])((?:[a-z0-9-]+\.)+[a-z]{2,}):\d{2,5}(?![\d.])")
"""`broker.example.com:9092`, without a scheme."""
_PRIVATE_NAMES: Final = ("localhost", ".internal", ".local", ".localhost")
_AWS: Final = (".amazonaws.com", ".api.aws", ".on.aws", ".aws.dev")


@dataclass(frozen=True, slots=True)
class Arn:
    """What an ARN says before its resource, with a NUL where only deployment knows."""

    partition: str
    service: str
    region: str
    account: str


def undecided(text: str, view: View) -> list[str]:
    """Return the placeholders of a text that whoever deploys, or another stack, decides.

    A resource of this template is none: wherever the stack goes, it goes. A parameter is one,
    and so is an import and a dynamic reference.
    """
    parameters = view.stack.template.get("Parameters") or {}
    return [
        name or resolved
        for name, resolved in _INNERMOST.findall(text)
        if resolved or name in parameters or name.startswith("Import:")
    ]


def left_open(text: str, view: View) -> list[str]:
    """Return what is undecided, but for parameters that are read from this region's own SSM."""
    parameters = view.stack.template.get("Parameters") or {}
    return [
        name
        for name in undecided(text, view)
        if not str(parameters.get(name, {}).get("Type", "")).startswith(_SSM)
    ]


def arns(text: str) -> list[Arn]:
    """Return every ARN in a text.

    Example:
        >>> [(arn.region, arn.account) for arn in arns("arn:aws:sqs:me-central-1:1234:q")]
        [('me-central-1', '1234')]
        >>> arns("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/r")[0].service
        'iam'
    """
    if "arn:" not in text:
        return []
    return [Arn(*fields) for fields in _ARN.findall(without_placeholders(text))]


def without_placeholders(text: str) -> str:
    """Return a text with a NUL for each placeholder, nested ones included."""
    while _INNERMOST.search(text):
        text = _INNERMOST.sub(_HOLE, text)
    return text


def outside_addresses(text: str) -> Iterator[str]:
    """Yield the hosts of a text's URLs that lie neither in AWS nor in a private network.

    Example:
        >>> list(outside_addresses("https://hooks.example.com/x http://169.254.170.2/v4"))
        ['hooks.example.com']
        >>> list(outside_addresses("b1.example.com:9092,10.0.0.7:9092"))
        ['b1.example.com']
        >>> list(outside_addresses("https://sqs.me-central-1.amazonaws.com http://10.0.0.5"))
        []
    """
    if ":" not in text:
        return
    plain = without_placeholders(text)
    for host in (*_URL.findall(plain), *_WITH_PORT.findall(plain)):
        name = host.strip("[].").lower()
        if _HOLE not in name and not _is_inside(name):
            yield host


def _is_inside(name: str) -> bool:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        # A global endpoint of AWS is a matter of residency.global-endpoint.
        return name.endswith((*_PRIVATE_NAMES, *_AWS)) or "." not in name
    return address.is_private


def is_here(arn: Arn) -> bool:
    """Whether an ARN names our region, or none, or one that a resource of ours says."""
    return arn.region in {REGION, ""} or _HOLE in arn.region
