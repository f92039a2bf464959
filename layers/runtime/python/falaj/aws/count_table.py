"""A DynamoDB table of counts: one item, one conditional write, and what stands there otherwise.

Source:
    docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html (ConditionExpression,
    ReturnValues, ReturnValuesOnConditionCheckFailure) and …/developerguide/WorkingWithItems.html#
    WorkingWithItems.AtomicCounters, read 2026-11-22.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

from falaj.contract import TABLE_KEY
from falaj.errors import DependencyError

_TARGET: Final = "DynamoDB_20120810."
_TYPE: Final = "application/x-amz-json-1.0"
_REFUSED: Final = "ConditionalCheckFailedException"
_OK: Final = 200


class Answered(Protocol):
    """What a service said."""

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    @property
    def body(self) -> bytes:
        """JSON."""
        ...


class Post(Protocol):
    """Sends one signed call."""

    def __call__(
        self, path: str, body: bytes, *, headers: Mapping[str, str] | None = None
    ) -> Answered:
        """Send it."""
        ...


class Written(NamedTuple):
    """What became of a write.

    Attributes:
        held: Whether its condition held, so that it was written.
        item: The numbers that stand there now: those just written, or those in the way.
    """

    held: bool
    item: Mapping[str, int]


class CountTable:
    """Numbers by key.

    Args:
        post: Sends a signed call to DynamoDB.
        table: Returns the table's name.
    """

    def __init__(self, post: Post, table: Callable[[], str]) -> None:
        self._post, self._table = post, table

    def write(
        self,
        key: str,
        expression: str,
        values: Mapping[str, int],
        *,
        condition: str = "",
        names: Mapping[str, str] | None = None,
    ) -> Written:
        """Update an item if a condition holds.

        Args:
            key: The item's.
            expression: The update.
            values: Numbers in it and in the condition, by `:name`.
            condition: What must hold; nothing by default.
            names: Attributes that stand in for reserved words, by `#name`.

        Raises:
            DependencyError: DynamoDB does not answer.
        """
        body: dict[str, Any] = {
            "Key": {TABLE_KEY: {"S": key}},
            "UpdateExpression": expression,
            "ExpressionAttributeValues": {name: {"N": str(n)} for name, n in values.items()},
            "ReturnValues": "UPDATED_NEW",
        }
        if condition:
            body |= {
                "ConditionExpression": condition,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        if names:
            body["ExpressionAttributeNames"] = names
        answer = self._call("UpdateItem", body)
        if _REFUSED in answer.get("__type", ""):
            return Written(held=False, item=_numbers(answer.get("Item")))
        return Written(held=True, item=_numbers(answer.get("Attributes")))

    def read(self, key: str) -> Mapping[str, int]:
        """Return an item's numbers; none if there is no item.

        Raises:
            DependencyError: DynamoDB does not answer.
        """
        return _numbers(self._call("GetItem", {"Key": {TABLE_KEY: {"S": key}}}).get("Item"))

    def _call(self, operation: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._post(
            "/",
            json.dumps({"TableName": self._table(), **body}).encode(),
            headers={"content-type": _TYPE, "x-amz-target": f"{_TARGET}{operation}"},
        )
        said: dict[str, Any] = json.loads(answer.body or b"{}")
        if answer.status != _OK and _REFUSED not in said.get("__type", ""):
            reason = f"{answer.status} {said.get('__type', '')}"
            raise DependencyError(service="dynamodb", doing="count a request", reason=reason)
        return said


def _numbers(item: Mapping[str, Any] | None) -> Mapping[str, int]:
    return {name: int(value["N"]) for name, value in (item or {}).items() if "N" in value}
