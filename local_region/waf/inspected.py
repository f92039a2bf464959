"""Parts of a request that rules look at, read as AWS WAF reads them.

Source:
    docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-fields-list.html (request
    components), …/waf-oversize-request-components.html (of a body before API Gateway 16 KB are
    looked at), …/waf-rule-statement-transformation.html, read 2026-11-22.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, unquote_plus

from local_region.gateway.messages import Request

BODY_BYTES: Final = 16 * 1024
"""Of a body, so much is looked at before API Gateway; what comes after it passes (`CONTINUE`)."""

Part: TypeAlias = Callable[[Request], tuple[bytes, ...]]
"""What of a request is looked at; a rule matches if it fits any."""


def header(name: str) -> Part:
    """Return every value of one header; nothing where the request has none."""
    wanted = name.lower()
    return lambda request: tuple(
        value.encode("latin-1", "replace") for value in request.header_values(wanted)
    )


def all_headers(request: Request) -> tuple[bytes, ...]:
    """Return names and values of all headers."""
    return tuple(text.encode("latin-1", "replace") for pair in request.headers for text in pair)


def path(request: Request) -> tuple[bytes, ...]:
    """Return the path as sent, stage and all."""
    return (request.path.encode("latin-1", "replace"),)


def query_string(request: Request) -> tuple[bytes, ...]:
    """Return what is after the question mark, as sent."""
    return (request.query.encode("latin-1", "replace"),)


def query_arguments(request: Request) -> tuple[bytes, ...]:
    """Return the values of all query arguments."""
    pairs = parse_qsl(request.query, keep_blank_values=True)
    return tuple(value.encode() for _, value in pairs)


def body(request: Request) -> tuple[bytes, ...]:
    """Return as much of the body as is looked at."""
    return (request.body[:BODY_BYTES],)


def method(request: Request) -> tuple[bytes, ...]:
    """Return the method."""
    return (request.method.encode(),)


_PARTS: Final[Mapping[str, Part]] = {
    "AllQueryArguments": query_arguments,
    "Body": body,
    "Method": method,
    "QueryString": query_string,
    "UriPath": path,
}

_TRANSFORMATIONS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "NONE": lambda value: value,
    "LOWERCASE": bytes.lower,
    "URL_DECODE": lambda value: unquote_plus(value.decode("latin-1"), "latin-1").encode(
        "latin-1", "replace"
    ),
    "COMPRESS_WHITE_SPACE": lambda value: re.sub(rb"[\x09-\x0d\x20\xa0]+", b" ", value),
}


def read_part(statement: Mapping[str, Any]) -> Part:
    """Read `FieldToMatch` and `TextTransformations` of a statement.

    Raises:
        ValueError: It names what is not known here.
    """
    field = dict(statement.get("FieldToMatch") or {})
    (name, details), *more = field.items() or [("", None)]
    if more or (name not in _PARTS and name != "SingleHeader"):
        raise ValueError(f"FieldToMatch {', '.join(field) or 'of nothing'} is not known here")
    if name == "Body" and details and details.get("OversizeHandling", "CONTINUE") != "CONTINUE":
        raise ValueError("of OversizeHandling only CONTINUE is known here")
    found = header(_name(details)) if name == "SingleHeader" else _PARTS[name]
    steps = sorted(statement.get("TextTransformations", ()), key=lambda each: int(each["Priority"]))
    unknown = {str(step["Type"]) for step in steps} - _TRANSFORMATIONS.keys()
    if unknown:
        raise ValueError(f"TextTransformations {', '.join(sorted(unknown))} are not known here")
    return transformed(found, *(str(step["Type"]) for step in steps))


def transformed(part: Part, *names: str) -> Part:
    """Return a part after transformations, in their order."""
    steps = [_TRANSFORMATIONS[name] for name in names if name != "NONE"]

    def changed(request: Request) -> tuple[bytes, ...]:
        values = part(request)
        for step in steps:
            values = tuple(step(value) for value in values)
        return values

    return changed if steps else part


def _name(details: Mapping[str, Any] | None) -> str:
    """Read a header's name, whose key CloudFormation takes in either case."""
    given = {key.lower(): value for key, value in (details or {}).items()}
    if not given.get("name"):
        raise ValueError("SingleHeader names no header")
    return str(given["name"])
