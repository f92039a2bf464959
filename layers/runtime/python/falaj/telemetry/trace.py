"""W3C trace context, so that a request's log line can be found from its caller's trace.

Source:
    w3.org/TR/trace-context, sections 3.2.2.2 to 3.2.2.4: version, trace-id, parent-id and flags in
    lower-case hex; ids of zeros only are invalid, as is version ff.
"""

import re
from typing import Final

_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:-[!-~]{0,256})?"
)


def trace_keys(traceparent: str | None) -> dict[str, str]:
    """Log keys of a `traceparent` header; none if it is absent or not one.

    Example:
        >>> trace_keys("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")["trace_id"]
        '0af7651916cd43dd8448eb211c80319c'
    """
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None:
        return {}
    return {"traceparent": found[0], "trace_id": found[1], "parent_id": found[2]}
