"""Only a real W3C traceparent reaches the log."""

import pytest

from falaj.telemetry.trace import trace_keys

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize("header", [f"00-{TRACE}-{PARENT}-01", f"cc-{TRACE}-{PARENT}-00-more"])
def test_a_traceparent_gives_its_ids(header):
    """This and later versions of the header are read."""
    assert trace_keys(header) == {"traceparent": header, "trace_id": TRACE, "parent_id": PARENT}


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "junk",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01\n",
        f"00-{TRACE}-{PARENT}-01-" + "x" * 1000,
    ],
)
def test_anything_else_gives_nothing(header):
    """A malformed header is ignored, as the standard asks."""
    assert trace_keys(header) == {}
