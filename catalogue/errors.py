"""The catalogue's leaves of the tree drawn in `falaj.errors`.

ConfigurationError           refused before anything runs
├── InvalidSpecError         a value of model.yaml
├── ModelNotBuiltError       nothing under .build/models yet
├── ManifestNotSignedError   not signed by the key that the deployment trusts
├── BuildError               a source that gives no model
└── ModelRefusedError        the registration gate said no
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from falaj.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Fault:
    """One refused setting: where it is, and the reason with the mend.

    Attributes:
        key: Dotted path below the value refused (`compute.memory_mib`); empty for all.
        reason: What is wrong and what to write instead.
    """

    key: str
    reason: str

    def below(self, parent: str) -> "Fault":
        """Return the same fault as seen from one level up."""
        return Fault(f"{parent}.{self.key}" if self.key else parent, self.reason)

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}" if self.key else self.reason


class InvalidSpecError(ConfigurationError):
    """A part of a model's specification is refused, with every fault in it."""

    code: ClassVar[str] = "invalid_spec"

    def __init__(self, found: Sequence[Fault]) -> None:
        self.found = tuple(found)
        super().__init__([str(fault) for fault in self.found])


class ModelNotBuiltError(ConfigurationError):
    """A version is in the catalogue, but its model.onnx has not been built."""

    code: ClassVar[str] = "model_not_built"

    def __init__(self, *, name: str, version: int, looked_in: str, reason: str = "") -> None:
        because = f" ({reason})" if reason else ""
        sentence = (
            f"model {name!r} version {version} is not built: nothing usable in {looked_in}"
            f"{because}; run `falaj models build {name}`"
        )
        super().__init__([sentence])
        self.name, self.version, self.looked_in = name, version, looked_in


class ManifestNotSignedError(ConfigurationError):
    """A manifest lacks the signature of the key that the deployment trusts."""

    code: ClassVar[str] = "manifest_not_signed"

    def __init__(self, *, folder: str, fingerprint: str) -> None:
        sentence = (
            f"the manifest in {folder} is not signed by the key {fingerprint[:16]}…; run "
            "`falaj models build`, or `falaj models sign` for a key in KMS"
        )
        super().__init__([sentence])
        self.folder, self.fingerprint = folder, fingerprint


class BuildError(ConfigurationError):
    """A version's source did not give the model it promises."""

    code: ClassVar[str] = "build"

    def __init__(self, *, name: str, version: int, reason: str) -> None:
        super().__init__([f"cannot build model {name!r} version {version}: {reason}"])
        self.name, self.version, self.reason = name, version, reason


class ModelRefusedError(ConfigurationError):
    """The registration gate refused a model."""

    code: ClassVar[str] = "model_refused"

    def __init__(self, *, source: str, reasons: Sequence[str]) -> None:
        super().__init__([f"{source}: {reason}" for reason in reasons])
        self.source, self.reasons = source, tuple(reasons)
