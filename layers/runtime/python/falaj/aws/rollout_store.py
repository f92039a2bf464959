"""The status of each model's rollout: one DynamoDB item, written under conditions.

Everything apart from the rollout itself is an attribute of its own (`command#7`, `owed#12`,
`approval#13`), so that one writer never overwrites what another has just added.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from zlib import compress, decompress

from botocore.exceptions import ClientError

from falaj.aws.calls import Client, calling, code_of
from falaj.contract import TABLE_KEY, status_key
from falaj.domain.codec import canonical_json, decode
from falaj.domain.observation import Command, ExperimentOutcome, Verification
from falaj.domain.rollout import Rollout
from falaj.errors import LostRaceError

_MODEL: Final = status_key("")
_ATTEMPTS: Final = 8
_REFUSED: Final = "ConditionalCheckFailedException"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Everything that is stored of a model.

    Attributes:
        rollout: The rollout.
        is_stored: Whether there is an item.
        function: The model's function, known even while SSM is dark.
        commands: Operator commands that have not been answered, oldest first.
        verification: The newest result of golden cases.
        shadow: The version that copies are sent to, and their share.
        approvals: Version → who approved it.
        experiment: Version → how its experiment ended.
        announced: The last generation whose notice went to the topic.
        delivered: The last generation whose notice went to the webhook.
        owed: Generation → decision record that could not be written yet.
    """

    rollout: Rollout
    is_stored: bool = False
    function: str = ""
    commands: tuple[Command, ...] = ()
    verification: Verification | None = None
    shadow: str = ""
    approvals: Mapping[str, str] = field(default_factory=dict)
    experiment: Mapping[str, ExperimentOutcome] = field(default_factory=dict)
    announced: int = 0
    delivered: int = 0
    owed: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def stored_generation(self) -> int | None:
        """The generation that a conditional write must name; None when nothing is stored."""
        return self.rollout.generation if self.is_stored else None


class RolloutStore:
    """The table of rollouts.

    Args:
        client: A DynamoDB client.
        table: The table's name; its key is `contract.TABLE_KEY`.
    """

    def __init__(self, client: Client, table: str) -> None:
        self._dynamodb, self._table = client, table

    def load(self, model: str) -> Status:
        """Return what is stored, read consistently; an idle rollout when nothing is.

        Raises:
            DependencyError: DynamoDB does not answer.
        """
        with calling("dynamodb", f"read the status of {model}"):
            found = self._dynamodb.get_item(
                TableName=self._table, Key=_key(model), ConsistentRead=True
            )
        return _status(model, found["Item"]) if "Item" in found else Status(rollout=_idle(model))

    def load_all(self) -> Mapping[str, Status]:
        """Return every model's status.

        Raises:
            DependencyError: DynamoDB does not answer.
        """
        with calling("dynamodb", "list statuses"):
            pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table)
            items = [item for page in pages for item in page["Items"]]
        names = {item[TABLE_KEY]["S"]: item for item in items}
        return {
            name.removeprefix(_MODEL): _status(name.removeprefix(_MODEL), item)
            for name, item in names.items()
            if name.startswith(_MODEL)
        }

    def save(
        self,
        rollout: Rollout,
        *,
        expected_generation: int | None,
        function: str,
        owed: bytes | None = None,
        answered: tuple[int, ...] = (),
        left_behind: Status | None = None,
    ) -> None:
        """Store a rollout if the stored generation is still the one that was read.

        Args:
            rollout: The new status.
            expected_generation: What was read; None when nothing was stored.
            function: The model's function.
            owed: The decision record, when it could not be written.
            answered: Serials of commands to forget.
            left_behind: The status of a function that another has taken the place of: what was
                known of its versions is forgotten.

        Raises:
            LostRaceError: Another controller decided first.
            DependencyError: DynamoDB does not answer.
        """
        values: dict[str, Any] = {
            "rollout": {"S": canonical_json(rollout)},
            "generation": {"N": str(rollout.generation)},
            "function": {"S": function},
        }
        if owed is not None:
            values[f"owed#{rollout.generation}"] = {"B": compress(owed)}
        condition, expected = "attribute_not_exists(#g)", {}
        if expected_generation is not None:
            condition, expected = "#g = :expected", {":expected": _number(expected_generation)}
        self._update(
            rollout.model,
            values,
            doing=f"store generation {rollout.generation} of {rollout.model}",
            removed=(*(f"command#{serial}" for serial in answered), *_of_versions(left_behind)),
            condition=(
                condition,
                {"#g": "generation"},
                expected,
            ),
        )

    def append_command(self, model: str, command: Command) -> Command:
        """Keep a command until it is answered; its serial is the next free one.

        Raises:
            LostRaceError: Too many operators at once.
            DependencyError: DynamoDB does not answer.
        """
        for _ in range(_ATTEMPTS):
            last = self._last_serial(model)
            numbered = replace(command, serial=last + 1)
            condition = "#c = :last" if last else "attribute_not_exists(#c)"
            try:
                self._update(
                    model,
                    {
                        "commands": _number(numbered.serial),
                        f"command#{numbered.serial}": {"S": canonical_json(numbered)},
                    },
                    doing=f"keep a command for {model}",
                    condition=(
                        condition,
                        {"#c": "commands"},
                        {":last": _number(last)} if last else {},
                    ),
                )
            except LostRaceError:
                continue
            return numbered
        raise LostRaceError(what=f"the commands for {model}")

    def put_verification(self, model: str, verification: Verification) -> None:
        """Keep the result of golden cases.

        Raises:
            DependencyError: DynamoDB does not answer.
        """
        value = {"verification": {"S": canonical_json(verification)}}
        self._update(model, value, doing=f"keep the golden cases' result of {model}")

    def put_shadow(self, model: str, version: str, share: float) -> None:
        """Say where copies go.

        Raises:
            DependencyError: DynamoDB does not answer.
        """
        value = {"shadow": {"S": version}, "shadow_share": {"N": str(share)}}
        self._update(model, value, doing=f"keep the shadow of {model}")

    def put_approval(
        self, model: str, version: str, actor: str, *, reason: str, at: datetime
    ) -> None:
        """Keep who approved a version.

        Raises:
            DependencyError: DynamoDB does not answer.
        """
        text = json.dumps({"actor": actor, "reason": reason, "at": at.isoformat()})
        self._update(
            model, {f"approval#{version}": {"S": text}}, doing=f"keep the approval {model}"
        )

    def put_experiment(self, model: str, version: str, outcome: ExperimentOutcome) -> None:
        """Keep how a version's experiment ended.

        Raises:
            DependencyError: DynamoDB does not answer.
        """
        value = {f"experiment#{version}": {"S": outcome.value}}
        self._update(model, value, doing=f"keep the experiment's outcome of {model}")

    def mark_notified(self, model: str, *, announced: int, delivered: int) -> None:
        """Keep how far notices have gone.

        Raises:
            DependencyError: DynamoDB does not answer.
        """
        value = {"announced": _number(announced), "delivered": _number(delivered)}
        self._update(model, value, doing=f"keep what was notified of {model}")

    def settle_debt(self, model: str, generation: int) -> None:
        """Forget a record that has been written.

        Raises:
            DependencyError: DynamoDB does not answer.
        """
        self._update(model, {}, doing=f"forget a debt of {model}", removed=(f"owed#{generation}",))

    def _last_serial(self, model: str) -> int:
        with calling("dynamodb", f"read the commands for {model}"):
            found = self._dynamodb.get_item(
                TableName=self._table,
                Key=_key(model),
                ConsistentRead=True,
                ProjectionExpression="#c",
                ExpressionAttributeNames={"#c": "commands"},
            )
        return int(found.get("Item", {}).get("commands", {"N": "0"})["N"])

    def _update(
        self,
        model: str,
        values: Mapping[str, Any],
        *,
        doing: str,
        removed: tuple[str, ...] = (),
        condition: tuple[str, dict[str, str], dict[str, Any]] | None = None,
    ) -> None:
        names = {f"#s{i}": name for i, name in enumerate(values)}
        given = {f":s{i}": value for i, value in enumerate(values.values())}
        gone = {f"#r{i}": name for i, name in enumerate(removed)}
        parts = []
        if names:
            sets = (f"{name} = :{name[1:]}" for name in names)
            parts.append(f"SET {', '.join(sets)}")
        if gone:
            parts.append(f"REMOVE {', '.join(gone)}")
        more: dict[str, Any] = {}
        if condition:
            more["ConditionExpression"] = condition[0]
            names |= condition[1]
            given |= condition[2]
        if given:
            more["ExpressionAttributeValues"] = given
        with calling("dynamodb", doing):
            try:
                self._dynamodb.update_item(
                    TableName=self._table,
                    Key=_key(model),
                    UpdateExpression=" ".join(parts),
                    ExpressionAttributeNames=names | gone,
                    **more,
                )
            except ClientError as error:
                if code_of(error) == _REFUSED:
                    raise LostRaceError(what=f"the status of {model}") from error
                raise


def _of_versions(status: Status | None) -> tuple[str, ...]:
    """Name the attributes that speak of versions."""
    if status is None:
        return ()
    approvals = (f"approval#{version}" for version in status.approvals)
    experiments = (f"experiment#{version}" for version in status.experiment)
    return ("verification", "shadow", *approvals, *experiments)


def _idle(model: str) -> Rollout:
    return Rollout(model=model)


def _key(model: str) -> dict[str, Any]:
    return {TABLE_KEY: {"S": status_key(model)}}


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def _text(item: Mapping[str, Any], name: str) -> str:
    return str(item[name]["S"]) if name in item else ""


def _numbered(item: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the attributes `prefix#key`, by key."""
    opening = f"{prefix}#"
    return {n.removeprefix(opening): value for n, value in item.items() if n.startswith(opening)}


def _status(model: str, item: Mapping[str, Any]) -> Status:
    text = _text(item, "rollout")
    verification = _text(item, "verification")
    commands = (
        decode(Command, json.loads(value["S"])) for value in _numbered(item, "command").values()
    )
    approvals = _numbered(item, "approval")
    experiments = _numbered(item, "experiment")
    return Status(
        rollout=decode(Rollout, json.loads(text)) if text else _idle(model),
        is_stored=bool(text),
        function=_text(item, "function"),
        commands=tuple(sorted(commands, key=lambda command: command.serial)),
        verification=decode(Verification, json.loads(verification)) if verification else None,
        shadow=_text(item, "shadow"),
        approvals={v: json.loads(value["S"])["actor"] for v, value in approvals.items()},
        experiment={v: ExperimentOutcome(value["S"]) for v, value in experiments.items()},
        announced=int(item.get("announced", {"N": "0"})["N"]),
        delivered=int(item.get("delivered", {"N": "0"})["N"]),
        owed={int(g): _inflated(value["B"]) for g, value in _numbered(item, "owed").items()},
    )


def _inflated(value: Any) -> bytes:  # noqa: ANN401 - bytes or boto3's Binary
    return decompress(bytes(value))
