"""Promise: what a function says of a batch means here what it means to Lambda."""

import pytest

from local_region.events.batch_answer import failed_messages

IDS = ("a", "b")


@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"{}", b'{"batchItemFailures": null}', b'{"batchItemFailures": []}'],
)
def test_nothing_named_is_success(payload):
    """AWS's own list of complete successes."""
    assert failed_messages(payload, IDS) == frozenset()


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b'"done"',
        b'{"batchItemFailures": "a"}',
        b'{"batchItemFailures": [{"itemIdentifier": ""}]}',
        b'{"batchItemFailures": [{"itemIdentifier": null}]}',
        b'{"batchItemFailures": [{"messageId": "a"}]}',
        b'{"batchItemFailures": ["a"]}',
        b'{"batchItemFailures": [{"itemIdentifier": "c"}]}',
    ],
)
def test_unreadable_report_fails_the_batch(payload):
    """A message is never deleted on the word of a report that makes no sense."""
    assert failed_messages(payload, IDS) == {"a", "b"}


def test_named_messages_come_again():
    """And only those."""
    payload = b'{"batchItemFailures": [{"itemIdentifier": "b"}]}'

    assert failed_messages(payload, IDS) == {"b"}
