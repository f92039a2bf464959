"""Trace contexts, so that a request's log line can be found from its caller's trace.

Both headers let a caller add what it likes behind the ids; only the ids are kept in lines.
What is sent on to whoever answers carries the caller's context as it came (the recommendation's
forwarding mode: nothing here is a span of its own), or none if it is not valid.

Source:
    docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
    (`Root=1-<8 hex>-<24 hex>` and further fields);
    w3.org/TR/trace-context, sections 3.2.2.2 to 3.2.2.4: version, trace-id, parent-id and flags in
    lower-case hex; ids of zeros only are invalid, as is version ff. Version 00 ends there; a later
    one may go on behind another dash (3.2.4). What cannot be parsed is not passed on, nor is the
    `tracestate` beside it (3.3.1 and the processing model).
"""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

_TRACEPARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}"
    r"(-[!-~]{0,256})?"
)
_FIRST: Final = "00"
_WITHOUT_MORE: Final = 55
"""Characters of version 00, which every later version begins with."""
HEADERS: Final = ("traceparent", "tracestate")
"""A trace context's headers; the second means nothing without the first."""
_XRAY_ROOT: Final = re.compile(r"Root=1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}(?![^;])")


def xray_root(header: str | None) -> str | None:
    """Return the root of an `x-amzn-trace-id` header; None if it has none.

    Example:
        >>> xray_root("Root=1-67891233-abcdef012345678912345678;Sampled=1")
        'Root=1-67891233-abcdef012345678912345678'
    """
    found = _XRAY_ROOT.search(header) if header else None
    return None if found is None else found[0]


def trace_keys(traceparent: str | None) -> dict[str, str]:
    """Log keys of a `traceparent` header; none if it is absent or not one.

    Example:
        >>> trace_keys("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")["trace_id"]
        '0af7651916cd43dd8448eb211c80319c'
    """
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None or (found[1] == _FIRST and found[4]):
        return {}
    return {"traceparent": found[0][:_WITHOUT_MORE], "trace_id": found[2], "parent_id": found[3]}


def traces(headers: Mapping[str, str]) -> dict[str, Any]:
    """Log keys of both trace contexts of a request, by which either finds its line."""
    keys: dict[str, Any] = {}
    if "x-amzn-trace-id" in headers:
        keys["xray_trace_id"] = xray_root(headers["x-amzn-trace-id"])
    if "traceparent" in headers:
        keys |= trace_keys(headers["traceparent"])
    return keys


def keep_valid(headers: MutableMapping[str, str]) -> None:
    """Take a trace context that is none out of headers that go on.

    Example:
        >>> headers = {"traceparent": "00-zz", "tracestate": "a=1", "accept": "*/*"}
        >>> keep_valid(headers)
        >>> headers
        {'accept': '*/*'}
    """
    if not trace_keys(headers.get("traceparent")):
        for name in HEADERS:
            headers.pop(name, None)
