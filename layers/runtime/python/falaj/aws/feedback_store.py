"""Outcomes that were taken: each once in DynamoDB, and in S3 for whoever analyses."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from botocore.exceptions import ClientError

from falaj.aws.calls import Client, calling, code_of
from falaj.aws.experiment_log import ExperimentLog
from falaj.contract import EXPIRY_ATTRIBUTE, TABLE_KEY, outcome_key
from falaj.experiments.feedback import Taken, identity_of
from falaj.experiments.records import Outcome

KEPT: Final = timedelta(days=120)
"""How long a second telling is known for one: longer than any outcome is taken late."""

AT_ONCE: Final = 8
_EXISTS: Final = "ConditionalCheckFailedException"
_IS_LOGGED: Final = "logged"


class _Fate(Enum):
    NEW = auto()
    DUPLICATE = auto()
    CONFLICT = auto()


class _Told(NamedTuple):
    """An outcome as it stands in the table, and whether it still has to reach the log."""

    fate: _Fate
    outcome: Outcome
    is_logged: bool


class FeedbackStore:
    """The table of outcomes and the log behind it.

    An outcome is put down first and logged second; whoever tells it again after a crash in between
    finds that it is not logged yet and does so.

    Args:
        client: A DynamoDB client.
        table: The table's name; its key is `contract.TABLE_KEY`.
        log: Where outcomes are read from.
    """

    def __init__(self, client: Client, table: str, log: ExperimentLog) -> None:
        self._dynamodb, self._table, self._log = client, table, log

    def take(self, model: str, outcomes: Sequence[Outcome], received: datetime) -> Taken:
        """Keep outcomes, each identity once; what was told first stays.

        Nothing is said here of whether the inference is known: its exposure may still be on its
        way, and the join keeps outcomes of unknown inferences aside until it comes.

        Raises:
            DependencyError: DynamoDB or S3 is dark; the same call again loses and doubles nothing.
        """
        expires = int((received + KEPT).timestamp())
        with ThreadPoolExecutor(min(AT_ONCE, len(outcomes))) as pool:
            told = list(pool.map(lambda each: self._put(model, each, expires), outcomes))
            owed = {identity_of(each.outcome): each.outcome for each in told if not each.is_logged}
            if owed:
                self._log.write_outcomes(model, owed.values(), received=received.timestamp())
                list(pool.map(lambda identity: self._mark(model, identity), owed))
        fates = Counter(each.fate for each in told)
        return Taken(
            accepted=fates[_Fate.NEW],
            duplicates=fates[_Fate.DUPLICATE],
            conflicts=fates[_Fate.CONFLICT],
        )

    def _put(self, model: str, outcome: Outcome, expires: int) -> _Told:
        item = {
            TABLE_KEY: {"S": outcome_key(model, identity_of(outcome))},
            "outcome": {"S": json.dumps(outcome.to_dict(), ensure_ascii=False)},
            EXPIRY_ATTRIBUTE: {"N": str(expires)},
        }
        with calling("dynamodb", "keep an outcome"):
            try:
                self._dynamodb.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(#k)",
                    ExpressionAttributeNames={"#k": TABLE_KEY},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if code_of(error) != _EXISTS:
                    raise
                return self._known(outcome, self._stored(item[TABLE_KEY], error))
        return _Told(_Fate.NEW, outcome, is_logged=False)

    def _stored(self, key: Mapping[str, str], error: ClientError) -> Mapping[str, Any]:
        refused: Mapping[str, Any] = error.response
        if "Item" in refused:
            item: Mapping[str, Any] = refused["Item"]
            return item
        found: Mapping[str, Any] = self._dynamodb.get_item(
            TableName=self._table, Key={TABLE_KEY: key}, ConsistentRead=True
        )["Item"]
        return found

    @staticmethod
    def _known(outcome: Outcome, item: Mapping[str, Any]) -> _Told:
        first = Outcome.from_dict(json.loads(item["outcome"]["S"]))
        is_same = (first.value, type(first.value)) == (outcome.value, type(outcome.value))
        fate = _Fate.DUPLICATE if is_same else _Fate.CONFLICT
        return _Told(fate, first, is_logged=_IS_LOGGED in item)

    def _mark(self, model: str, identity: str) -> None:
        with calling("dynamodb", "mark an outcome as logged"):
            self._dynamodb.update_item(
                TableName=self._table,
                Key={TABLE_KEY: {"S": outcome_key(model, identity)}},
                UpdateExpression="SET #l = :yes",
                ExpressionAttributeNames={"#l": _IS_LOGGED},
                ExpressionAttributeValues={":yes": {"BOOL": True}},
            )
