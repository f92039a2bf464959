"""SSM parameters, whose every change is an event.

Source:
    docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-cwe.html (operations
    Create, Update, Delete, LabelParameterVersion) and
    docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html
    ("Parameter Store Change", read 2026-11-22).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from moto.backends import get_backend
from moto.ssm.models import Parameter, SimpleSystemManagerBackend

DETAIL_TYPE: Final = "Parameter Store Change"
SOURCE: Final = "aws.ssm"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterChange:
    """A parameter was created, updated or deleted."""

    operation: str
    name: str
    type: str
    description: str

    def detail(self) -> dict[str, str]:
        """Write the event's `detail`."""
        detail = {"operation": self.operation, "name": self.name, "type": self.type}
        return {**detail, "description": self.description} if self.description else detail

    def resource(self) -> str:
        """Return the ARN's last part; a path is not led by a second slash."""
        return f"parameter/{self.name.removeprefix('/')}"


class ParameterStore(SimpleSystemManagerBackend):
    """One account's parameters in one region: moto's, and told of what changes.

    Args:
        on_change: Told of every change once it is made, on the thread that made it.
    """

    def __init__(
        self, region_name: str, account_id: str, *, on_change: Callable[[ParameterChange], None]
    ) -> None:
        super().__init__(region_name, account_id)
        self._tell = on_change

    def install(self) -> None:
        """Take the place of moto's own backend for this account and region."""
        get_backend("ssm")[self.account_id][self.region_name] = self

    def reset(self) -> None:
        """Give the account back to moto, which knows how to make its own backend anew."""
        account = get_backend("ssm")[self.account_id]
        account[self.region_name] = SimpleSystemManagerBackend(self.region_name, self.account_id)

    def put_parameter(self, *args: Any, **settings: Any) -> Parameter:  # noqa: ANN401 - moto's own
        """Create or update a parameter."""
        made = super().put_parameter(*args, **settings)
        self._changed("Create" if made.version == 1 else "Update", made)
        return made

    def delete_parameter(self, name: str) -> None:
        """Delete a parameter."""
        known = self.get_parameter(name)
        super().delete_parameter(name)
        self._changed("Delete", known)

    def delete_parameters(self, names: list[str]) -> list[str]:
        """Delete those of the parameters that are there."""
        known = {name: self.get_parameter(name) for name in names}
        deleted = super().delete_parameters(names)
        for name in deleted:
            self._changed("Delete", known[name])
        return deleted

    def _changed(self, operation: str, parameter: Parameter | None) -> None:
        if parameter is None:
            return
        self._tell(
            ParameterChange(
                operation=operation,
                name=parameter.name,
                type=parameter.parameter_type,
                description=parameter.description or "",
            )
        )
