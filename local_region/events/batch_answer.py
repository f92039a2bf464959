"""What a function's answer to a batch of messages means: which of them are to come again.

Source:
    docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html ("Implementing partial
    batch responses", "Success and failure conditions"), read 2026-11-22.
"""

import json
from collections.abc import Collection
from typing import Final

FAILURES: Final = "batchItemFailures"
IDENTIFIER: Final = "itemIdentifier"


def failed_messages(payload: bytes, ids: Collection[str]) -> frozenset[str]:
    """Return the messages that a function reports as failed.

    All of them where the report cannot be read: it is no JSON object, or an entry has no
    identifier. An identifier that no message has counts so too, which AWS leaves open: a report
    about something else vouches for nothing.

    Args:
        payload: What the function returned.
        ids: The ids of the batch's messages.

    Example:
        >>> sorted(failed_messages(b'{"batchItemFailures": [{"itemIdentifier": "b"}]}', ["a", "b"]))
        ['b']
        >>> failed_messages(b"null", ["a"])
        frozenset()
    """
    everything = frozenset(ids)
    try:
        answer = json.loads(payload or b"null")
    except ValueError:
        return everything
    if answer is None:
        return frozenset()
    if not isinstance(answer, dict):
        return everything
    listed = answer.get(FAILURES)
    if listed is None:
        return frozenset()
    if not isinstance(listed, list):
        return everything
    named = [entry.get(IDENTIFIER) if isinstance(entry, dict) else None for entry in listed]
    if not all(isinstance(name, str) and name in everything for name in named):
        return everything
    return everything.intersection(named)
