"""What a release knows of experiments: nothing else can be started on it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from falaj.errors import ConfigurationError
from falaj.experiments.spec import ExperimentSpec, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The experiments declared beside a model, as its stack states them.

    Attributes:
        names: Of the experiments.
        versions: Model versions that the release holds.
    """

    names: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()

    def faults(self, spec: ExperimentSpec) -> Iterator[str]:
        """Say why an experiment cannot run on the release.

        Example:
            >>> Declared().to_json()
            '{"names":[],"versions":[]}'
        """
        if spec.name not in self.names:
            known = f"it knows {', '.join(self.names)}" if self.names else "it knows none"
            yield (
                f"the release of {spec.model!r} does not know experiment {spec.name!r} ({known}): "
                f"put its declaration into models/{spec.model}/experiments and deploy"
            )
        elif spec.unit is Unit.SUBJECT:
            for arm in spec.arms:
                if arm.model_version not in {None, *self.versions}:
                    held = ", ".join(map(str, self.versions))
                    yield (
                        f"arm {arm.name!r} is model version {arm.model_version}, the release holds "
                        f"{held}: deploy the declaration as it is now"
                    )

    def to_json(self) -> str:
        """Write the parameter's value."""
        value = {"names": list(self.names), "versions": list(self.versions)}
        return json.dumps(value, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ConfigurationError: It is not that.
        """
        try:
            value = json.loads(text)
            return cls(names=tuple(value["names"]), versions=tuple(map(int, value["versions"])))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError([f"not declared experiments ({error!r})"]) from error
