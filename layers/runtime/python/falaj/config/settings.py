"""What a function's environment says, read once and checked as a whole."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from falaj.config.environment import Environment
from falaj.contract import (
    ENV_EXPERIMENTS,
    ENV_LOG_LEVEL,
    ENV_MODEL_NAME,
    ENV_MODEL_ROOT,
    ENV_MODEL_S3_PREFIX,
    ENV_MODEL_VERSION,
    ENV_PSEUDONYM_KEY,
    ENV_PUBLISHER_KEY,
    ENV_THREADS,
    PACKAGED_MODEL_ROOT,
)
from falaj.domain.publisher import FINGERPRINT_MEND, is_fingerprint

MEMORY_PER_VCPU_MIB: Final = 1769
"""A function has one vCPU at this much memory.

Source: docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html ("At 1,769 MB, a function has
the equivalent of one vCPU"), read 2026-11-22.
"""

_MOST: Final = 999_999_999  # no setting counts so high
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A serving process's environment.

    Attributes:
        model_root: Folder of `<name>/<version>/manifest.json`.
        model_name: The model this function serves; empty for all that are packaged.
        model_version: The version to serve when a request names none; None for the highest.
        s3_prefix: Where bytes lie that are not packaged (`s3://bucket/prefix`); empty for nowhere.
        threads: Threads inside one operator.
        log_level: Least severe level that is written.
        release: The Lambda version that runs.
        function_name: The Lambda function, or empty outside Lambda.
        memory_mib: The function's memory.
        experiments: SSM parameter of running experiments; empty where no arms are packaged.
        pseudonym_key: KMS HMAC key from which the key of pseudonyms is derived.
        publisher_key: Fingerprint of the key that signed the manifests; empty outside Lambda only.
    """

    model_root: str
    model_name: str = ""
    model_version: int | None = None
    s3_prefix: str = ""
    threads: int = 1
    log_level: str = "INFO"
    release: str = "local"
    function_name: str = ""
    memory_mib: int = MEMORY_PER_VCPU_MIB
    experiments: str = ""
    pseudonym_key: str = ""
    publisher_key: str = ""

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and check every setting.

        Args:
            environment: What to read instead of the process's own.

        Raises:
            ConfigurationError: With every fault found.
        """
        env = Environment(environment)
        memory_mib = env.number("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", least=1, most=_MOST)
        version = env.number(ENV_MODEL_VERSION, least=1, most=_MOST)
        threads = _threads(env, memory_mib)
        name = env.text(ENV_MODEL_NAME)
        prefix = env.text(ENV_MODEL_S3_PREFIX)
        if prefix and not prefix.startswith("s3://"):
            env.blame(ENV_MODEL_S3_PREFIX, prefix, "begins with s3://")
        level = log_level(env)
        if version is not None and not name:
            env.faults.append(f"{ENV_MODEL_VERSION} needs {ENV_MODEL_NAME}")
        _check_experiments(env, level)
        read = cls(
            model_root=_model_root(env),
            model_name=name,
            model_version=version,
            s3_prefix=prefix,
            threads=threads,
            log_level=level,
            release=env.text("AWS_LAMBDA_FUNCTION_VERSION", "local"),
            function_name=env.text("AWS_LAMBDA_FUNCTION_NAME"),
            memory_mib=memory_mib or MEMORY_PER_VCPU_MIB,
            experiments=env.text(ENV_EXPERIMENTS),
            pseudonym_key=env.text(ENV_PSEUDONYM_KEY),
            publisher_key=_publisher_key(env),
        )
        env.check()
        return read


def vcpus(memory_mib: int) -> int:
    """Number of vCPUs, whole or part, that a function of this memory may use.

    Example:
        >>> vcpus(1769), vcpus(1770), vcpus(10240)
        (1, 2, 6)
    """
    return max(1, math.ceil(memory_mib / MEMORY_PER_VCPU_MIB))


def log_level(env: Environment) -> str:
    """Read the least severe level that is written, in capitals."""
    level = env.text(ENV_LOG_LEVEL, "INFO").upper()
    if level not in LOG_LEVELS:
        env.blame(ENV_LOG_LEVEL, level, f"one of {', '.join(LOG_LEVELS)}")
    return level


def _publisher_key(env: Environment) -> str:
    """Read the pin; on Lambda nothing is believed without one."""
    key = env.text(ENV_PUBLISHER_KEY)
    is_needed = key or env.text("AWS_LAMBDA_FUNCTION_NAME")
    if is_needed and not is_fingerprint(key):
        env.blame(ENV_PUBLISHER_KEY, key, FINGERPRINT_MEND)
    return key


def _check_experiments(env: Environment, level: str) -> None:
    """Say what an experiment cannot do without: a version to fall back to, a key, and its log."""
    if not env.text(ENV_EXPERIMENTS):
        return
    env.faults += [
        f"{ENV_EXPERIMENTS} needs {name}"
        for name in (ENV_MODEL_VERSION, ENV_PSEUDONYM_KEY)
        if not env.text(name)
    ]
    if level not in {"DEBUG", "INFO"}:
        env.faults.append(f"{ENV_LOG_LEVEL}={level}: exposures are logged at INFO")


def _model_root(env: Environment) -> str:
    folder = env.text("LAMBDA_TASK_ROOT", ".")
    return env.text(ENV_MODEL_ROOT, f"{folder}/{PACKAGED_MODEL_ROOT}")


def _threads(env: Environment, memory_mib: int | None) -> int:
    if env.text(ENV_THREADS, "auto") == "auto":
        return vcpus(memory_mib) if memory_mib else os.cpu_count() or 1
    return env.number(ENV_THREADS, least=1, most=_MOST, others="auto") or 1
