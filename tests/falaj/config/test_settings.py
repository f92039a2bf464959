"""The environment is read once, and refused with every fault at once."""

import pytest

from falaj.config.settings import Settings
from falaj.errors import ConfigurationError


def test_a_function_finds_its_packaged_models():
    """Without a setting, models lie beside the handler's code."""
    settings = Settings.from_env(
        {
            "LAMBDA_TASK_ROOT": "/var/task",
            "AWS_LAMBDA_FUNCTION_VERSION": "12",
            "AWS_LAMBDA_FUNCTION_NAME": "rows",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3538",
            "FALAJ_MODEL_NAME": "rows",
            "FALAJ_MODEL_VERSION": "2",
            "FALAJ_PUBLISHER_KEY": "5" * 64,
        }
    )
    assert settings == Settings(
        model_root="/var/task/models",
        model_name="rows",
        model_version=2,
        threads=2,
        release="12",
        function_name="rows",
        memory_mib=3538,
        publisher_key="5" * 64,
    )


@pytest.mark.parametrize(
    ("memory", "asked", "threads"),
    [
        ("128", "auto", 1),
        ("1769", "auto", 1),
        ("1770", "auto", 2),
        ("10240", "auto", 6),
        ("128", "3", 3),
    ],
)
def test_threads_follow_the_vcpus(memory, asked, threads):
    """One thread for each vCPU that the memory buys, unless a number is given."""
    environment = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory, "FALAJ_THREADS": asked}
    assert Settings.from_env(environment).threads == threads


def test_every_fault_is_named_at_once():
    """One deployment shows all that is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env(
            {
                "FALAJ_THREADS": "many",
                "FALAJ_MODEL_VERSION": "0",
                "FALAJ_LOG_LEVEL": "LOUD",
                "FALAJ_MODEL_S3_PREFIX": "https://bucket",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "9" * 20,
            }
        )
    names = [fault.partition("=")[0] for fault in caught.value.faults]
    assert names == [
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "FALAJ_MODEL_VERSION",
        "FALAJ_THREADS",
        "FALAJ_MODEL_S3_PREFIX",
        "FALAJ_LOG_LEVEL",
    ]


def test_a_version_needs_a_name():
    """A version of no model in particular means nothing."""
    with pytest.raises(ConfigurationError, match="FALAJ_MODEL_VERSION needs FALAJ_MODEL_NAME"):
        Settings.from_env({"FALAJ_MODEL_VERSION": "2"})
