"""`models/<m>/experiments/<name>.yaml` files become declared experiments, or all their faults."""

from pathlib import Path
from typing import Final

import yaml

from falaj.errors import ConfigurationError
from falaj.experiments.spec import ExperimentSpec

FOLDER: Final = "experiments"


def load_experiments(models_root: Path, model: str) -> tuple[ExperimentSpec, ...]:
    """Read a model's experiments, in the order of their names; none when there is no folder.

    Raises:
        ConfigurationError: Every fault of every file, each as `<file>: <sentence>`.
    """
    specs, faults = [], list[str]()
    for path in sorted((models_root / model / FOLDER).glob("*.yaml")):
        try:
            specs.append(load_experiment(path, model=model))
        except ConfigurationError as error:
            faults.extend(error.faults)
    if faults:
        raise ConfigurationError(faults)
    return tuple(specs)


def load_experiment(path: Path, *, model: str | None = None) -> ExperimentSpec:
    """Read one declaration.

    Args:
        path: The file; its name is the experiment's.
        model: The model in whose folder it lies; checked when given.

    Raises:
        ConfigurationError: Every fault, each as `<file>: <sentence>`.
    """
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError([f"{path}: not readable as YAML: {error}"]) from error
    try:
        spec = ExperimentSpec.from_dict(value)
    except ConfigurationError as error:
        raise ConfigurationError([f"{path}: {fault}" for fault in error.faults]) from error
    faults = []
    if spec.name != path.stem:
        faults.append(f"{path}: the experiment is called {spec.name!r}; rename one of them")
    if model is not None and spec.model != model:
        faults.append(f"{path}: it is about model {spec.model!r} but lies with {model!r}; move it")
    if faults:
        raise ConfigurationError(faults)
    return spec
