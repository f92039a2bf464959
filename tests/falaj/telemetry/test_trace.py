"""Promise: only the ids of a real trace context reach the log, and nothing a caller added."""

import pytest

from falaj.telemetry.trace import keep_valid, trace_keys, traces, xray_root

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize("header", [f"00-{TRACE}-{PARENT}-01", f"cc-{TRACE}-{PARENT}-00-more"])
def test_a_traceparent_gives_its_ids(header):
    """This and later versions of the header are read, and what follows the flags is left out."""
    kept = header.removesuffix("-more")

    assert trace_keys(header) == {"traceparent": kept, "trace_id": TRACE, "parent_id": PARENT}


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
        f"00-{TRACE}-{PARENT}-01-more",
        f"cc-{TRACE}-{PARENT}-01.more",
        f"cc-{TRACE}-{PARENT}-01-" + "x" * 1000,
        f"00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01",
    ],
)
def test_anything_else_gives_nothing(header):
    """A malformed header is ignored, as the standard asks."""
    assert trace_keys(header) == {}


ROOT = "Root=1-67891233-abcdef012345678912345678"


@pytest.mark.parametrize(
    "header", [ROOT, f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=1", f"Self=1;{ROOT};Who=zayd"]
)
def test_an_x_ray_header_gives_its_root(header):
    """Further fields are whatever a caller writes."""
    assert xray_root(header) == ROOT


@pytest.mark.parametrize("header", [None, "", "zayd", "Root=zayd", f"{ROOT}0", f"{ROOT}-zayd"])
def test_an_x_ray_header_that_is_none_gives_nothing(header):
    """It is no id of ours."""
    assert xray_root(header) is None


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (f"00-{TRACE}-{PARENT}-01", {"traceparent", "tracestate", "accept"}),
        (f"cc-{TRACE}-{PARENT}-01-more", {"traceparent", "tracestate", "accept"}),
        (f"00-{TRACE}-{PARENT}-01-more", {"accept"}),
        ("junk", {"accept"}),
        ("", {"accept"}),
    ],
)
def test_only_a_valid_context_goes_on_and_its_state_with_it(header, kept):
    """Whoever is asked next continues the caller's trace, or none."""
    headers = {"traceparent": header, "tracestate": "vendor=1", "accept": "*/*"}

    keep_valid(headers)

    assert set(headers) == kept


def test_state_without_its_parent_is_dropped():
    """By itself it means nothing."""
    headers = {"tracestate": "vendor=1"}

    keep_valid(headers)

    assert headers == {}


def test_both_contexts_are_told_together():
    """A line is found by X-Ray's id and by the caller's."""
    keys = traces({"x-amzn-trace-id": ROOT, "traceparent": f"00-{TRACE}-{PARENT}-01"})

    assert (keys["xray_trace_id"], keys["trace_id"]) == (ROOT, TRACE)
