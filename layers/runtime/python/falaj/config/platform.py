"""The platform function's environment, read once: who it is and what it tells of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from falaj.config.environment import Environment
from falaj.config.settings import log_level
from falaj.contract import ENV_ANALYST, ENV_CATALOGUE
from falaj.domain.published import PublishedModel
from falaj.errors import ConfigurationError

CATALOGUE_FILE: Final = "catalogue.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformSettings:
    """What the platform function serves, and as which release.

    Attributes:
        models: The catalogue.
        release: The Lambda version that runs this.
        function_name: The Lambda function, or empty outside Lambda.
        log_level: Least severe level that is written.
        analyst: The experiment analyst's function; empty where there are no experiments.
    """

    models: tuple[PublishedModel, ...]
    release: str = "local"
    function_name: str = ""
    log_level: str = "INFO"
    analyst: str = ""

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings and the catalogue that they name.

        Args:
            environment: What to read instead of the process's own.

        Raises:
            ConfigurationError: The catalogue is missing or is not one, or a setting is at fault.
        """
        env = Environment(environment)
        path = Path(env.text("LAMBDA_TASK_ROOT", ".")) / env.text(ENV_CATALOGUE, CATALOGUE_FILE)
        level = log_level(env)
        env.check()
        return cls(
            models=read_catalogue(path),
            release=env.text("AWS_LAMBDA_FUNCTION_VERSION", "local"),
            function_name=env.text("AWS_LAMBDA_FUNCTION_NAME"),
            log_level=level,
            analyst=env.text(ENV_ANALYST),
        )


def read_catalogue(path: Path) -> tuple[PublishedModel, ...]:
    """Read `catalogue.json`.

    Raises:
        ConfigurationError: There is no such file, or it is not a list of published models.
    """
    try:
        return tuple(PublishedModel.from_dict(entry) for entry in json.loads(path.read_bytes()))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError([f"{path}: {reason}; {ENV_CATALOGUE} names it"]) from error
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError([f"{path}: not a catalogue ({error!r})"]) from error
