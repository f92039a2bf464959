"""model.yaml files become a catalogue, or every fault at once with file and line."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from catalogue.ensembles import Ensembles, load_ensembles
from catalogue.errors import Fault
from catalogue.spec import ModelSpec
from catalogue.typed_yaml import TypedReader
from falaj.errors import ConfigurationError

SPEC_FILE: Final = "model.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All models under one folder, in name order."""

    root: Path
    models: tuple[ModelSpec, ...]
    ensembles: Ensembles = field(default_factory=dict)

    def model(self, name: str) -> ModelSpec:
        """Return the model of this name.

        Raises:
            ConfigurationError: There is none; the sentence names those there are.
        """
        for spec in self.models:
            if spec.name == name:
                return spec
        known = ", ".join(spec.name for spec in self.models) or "none"
        raise ConfigurationError([f"no model {name!r} in {self.root}; there are: {known}"])


def load_catalogue(models_root: Path) -> Catalogue:
    """Read every model.yaml below a folder.

    Raises:
        ConfigurationError: The folder holds no model, or any model.yaml or declared ensemble has a
            fault; all faults of all files are in it, each as `<file>:<line>: <sentence>`.
    """
    if not models_root.is_dir():
        raise ConfigurationError([f"{models_root}: no such folder; it holds <name>/{SPEC_FILE}"])
    specs, faults = [], list[str]()
    for path in sorted(models_root.glob(f"*/{SPEC_FILE}")):
        try:
            specs.append(load_model(path))
        except ConfigurationError as error:
            faults.extend(error.faults)
    ensembles, ensemble_faults = load_ensembles(models_root, specs)
    if faults := [*faults, *ensemble_faults]:
        raise ConfigurationError(faults)
    if not specs:
        raise ConfigurationError([f"{models_root}: no <name>/{SPEC_FILE} in it; add one"])
    return Catalogue(root=models_root, models=tuple(specs), ensembles=ensembles)


def load_model(path: Path) -> ModelSpec:
    """Read one model.yaml.

    Raises:
        ConfigurationError: Every fault of the file, each as `<file>:<line>: <sentence>`.
    """
    reader = TypedReader()
    spec = reader.read_file(path, ModelSpec)
    if spec is not None:
        for fault in _folder_faults(spec, path.parent):
            reader.add(fault.key, fault.reason)
    if spec is None or reader.faults:
        raise ConfigurationError(reader.sentences(path))
    return spec


def _folder_faults(spec: ModelSpec, folder: Path) -> Iterator[Fault]:
    if spec.name != folder.name:
        yield Fault("name", f"name is {spec.name!r} but its folder is {folder.name!r}; rename one")
    if spec.drift and not (folder / spec.drift.reference).is_file():
        reason = f"no file {spec.drift.reference} beside model.yaml; write the reference rows there"
        yield Fault("drift.reference", reason)
    for key, version in (("version", spec.version), *(("also_serve", v) for v in spec.also_serve)):
        if not (folder / str(version)).is_dir():
            there = (
                ", ".join(sorted(p.name for p in folder.iterdir() if p.name.isdigit())) or "none"
            )
            yield Fault(key, f"{key}: no folder {version} beside the file; there are: {there}")
