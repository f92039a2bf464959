"""What stands behind the gate: one model in some versions, each with its digest."""

from collections.abc import Mapping
from dataclasses import dataclass

from falaj.errors import UnknownModelError, UnknownVersionError
from falaj.telemetry.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A model as its stack has put it in place.

    Attributes:
        model: Its name.
        version: The version that answers who names none.
        digests: sha256 of each version's model, hex.
    """

    model: str
    version: str
    digests: Mapping[str, str]

    def identify(self, outcome: Outcome, model: str, version: str) -> None:
        """Write into a request's record which version it is for.

        Nothing else is passed on: neither another model that the server behind may hold, as an
        ensemble's members, nor a version that was not put in place.

        Args:
            outcome: The record.
            model: What the request names.
            version: What it names; empty for the default.

        Raises:
            UnknownModelError: It names another model.
            UnknownVersionError: It names another version.
        """
        if model != self.model:
            raise UnknownModelError(model)
        outcome.model = model
        named = version or self.version
        if named not in self.digests:
            raise UnknownVersionError(model, version)
        outcome.version, outcome.digest = named, self.digests[named]
