"""The state of each experiment: one DynamoDB item, written under a condition."""

import json
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from falaj.aws.calls import Client, calling, code_of
from falaj.contract import TABLE_KEY, experiment_key
from falaj.errors import LostRaceError
from falaj.experiments.lifecycle import ExperimentState

_REFUSED: Final = "ConditionalCheckFailedException"


class ExperimentStore:
    """The table of experiments.

    Args:
        client: A DynamoDB client.
        table: The table's name; its key is `contract.TABLE_KEY`.
    """

    def __init__(self, client: Client, table: str) -> None:
        self._dynamodb, self._table = client, table

    def get(self, model: str, name: str) -> ExperimentState | None:
        """Return an experiment's state, read consistently; None when there is none.

        Raises:
            DependencyError: DynamoDB does not answer.
        """
        with calling("dynamodb", f"read experiment {name} of {model}"):
            found = self._dynamodb.get_item(
                TableName=self._table,
                Key={TABLE_KEY: {"S": experiment_key(model, name)}},
                ConsistentRead=True,
            )
        return _state(found["Item"]) if "Item" in found else None

    def list(self, model: str | None = None) -> tuple[ExperimentState, ...]:
        """Return the states of all experiments, or of one model's, in the order of their keys.

        Raises:
            DependencyError: DynamoDB does not answer.
        """
        prefix = experiment_key(model, "") if model else experiment_key("", "")[:-1]
        with calling("dynamodb", "list experiments"):
            pages = self._dynamodb.get_paginator("scan").paginate(
                TableName=self._table,
                ConsistentRead=True,
                FilterExpression="begins_with(#k, :prefix)",
                ExpressionAttributeNames={"#k": TABLE_KEY},
                ExpressionAttributeValues={":prefix": {"S": prefix}},
            )
            items = [item for page in pages for item in page["Items"]]
        return tuple(_state(item) for item in sorted(items, key=lambda it: it[TABLE_KEY]["S"]))

    def put(self, state: ExperimentState, *, expected_generation: int | None) -> None:
        """Store a state if the stored generation is still the one that was read.

        Args:
            state: The new state.
            expected_generation: What was read; None when there was nothing.

        Raises:
            LostRaceError: Somebody else wrote first.
            DependencyError: DynamoDB does not answer.
        """
        model, name = state.spec.model, state.spec.name
        condition: dict[str, Any] = {
            "ConditionExpression": "attribute_not_exists(#g)",
            "ExpressionAttributeNames": {"#g": "generation"},
        }
        if expected_generation is not None:
            condition["ConditionExpression"] = "#g = :expected"
            condition["ExpressionAttributeValues"] = {":expected": {"N": str(expected_generation)}}
        with calling("dynamodb", f"keep experiment {name} of {model}"):
            try:
                self._dynamodb.put_item(TableName=self._table, Item=_item(state), **condition)
            except ClientError as error:
                if code_of(error) == _REFUSED:
                    raise LostRaceError(what=f"experiment {name} of {model}") from error
                raise


def _item(state: ExperimentState) -> dict[str, Any]:
    return {
        TABLE_KEY: {"S": experiment_key(state.spec.model, state.spec.name)},
        "generation": {"N": str(state.generation)},
        "state": {"S": json.dumps(state.to_dict(), ensure_ascii=False, separators=(",", ":"))},
    }


def _state(item: Mapping[str, Any]) -> ExperimentState:
    return ExperimentState.from_dict(json.loads(item["state"]["S"]))
