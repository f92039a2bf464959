"""Promise: the gate reads of a message what protobuf reads of it, or refuses it."""

import pytest
from hypothesis import given, strategies as st
from tritonclient.grpc import service_pb2

from falaj.container.forwarding.names import Names, names_in
from falaj.errors import MalformedRequestError, PayloadTooLargeError

TEXTS = st.text(max_size=20)
REQUESTS = st.builds(
    service_pb2.ModelInferRequest,
    model_name=TEXTS,
    model_version=TEXTS,
    id=TEXTS,
    raw_input_contents=st.lists(st.binary(max_size=300), max_size=3),
)


@given(st.lists(REQUESTS, min_size=1, max_size=4))
def test_several_messages_in_a_row_are_read_as_protobuf_reads_them(messages):
    """Protobuf takes the last of each name; so does the gate, whatever stands between."""
    data = b"".join(message.SerializeToString() for message in messages)
    read = service_pb2.ModelInferRequest.FromString(data)

    assert names_in(data) == Names(read.model_name, read.model_version, read.id)


@given(st.binary(max_size=64))
def test_what_protobuf_takes_is_read_alike_and_nothing_crashes(data):
    """Noise is refused, or read as Triton will read it."""
    try:
        found = names_in(data)
    except MalformedRequestError:
        return
    try:
        read = service_pb2.ModelInferRequest.FromString(data)
    except Exception:  # noqa: BLE001 - protobuf's own kinds
        return
    assert found == Names(read.model_name, read.model_version, read.id)


def test_a_message_of_many_fields_is_not_counted_through():
    """Two bytes each, megabytes of them: refused after a bounded number."""
    with pytest.raises(PayloadTooLargeError):
        names_in(b"\x2a\x00" * 1_000_000)


@pytest.mark.parametrize("data", [b"\x0a\x05rows", b"\x0b", b"\x0a", b"\xff" * 12, b"\x0a\x01\xff"])
def test_what_is_no_message_is_refused(data):
    """Cut short, a group, a tag without a value, an endless number, a name that is no text."""
    with pytest.raises(MalformedRequestError):
        names_in(data)
