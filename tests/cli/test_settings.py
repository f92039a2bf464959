"""The environment is read once, and a bad value is refused in a sentence."""

import pytest

from cli.failures import MisuseError
from cli.settings import Settings, find_root


def test_defaults_are_the_documented_ports():
    """Nothing needs to be set."""
    settings = Settings.from_env({})

    assert (settings.api_port, settings.aws_port, settings.profile, settings.url) == (
        8080,
        4566,
        "smb",
        "http://127.0.0.1:8080",
    )


def test_ports_and_address_follow_the_environment():
    """Two regions run side by side, and `falaj infer` finds its own."""
    settings = Settings.from_env({"FALAJ_PORT": "9090", "FALAJ_AWS_PORT": "0"})

    assert (settings.api_port, settings.aws_port) == (9090, 0)
    assert settings.url == "http://127.0.0.1:9090"


@pytest.mark.parametrize(
    "variable",
    [
        {"FALAJ_PORT": "80a"},
        {"FALAJ_PORT": "-1"},
        {"FALAJ_AWS_PORT": "65536"},
        {"FALAJ_PORT": "٨٠"},
        {"FALAJ_PROFILE": "large"},
    ],
)
def test_bad_values_are_named(variable):
    """The sentence names the variable."""
    with pytest.raises(MisuseError, match=next(iter(variable))):
        Settings.from_env(variable)


def test_root_is_the_repository_around_the_reader(tmp_path):
    """The command works from any folder of a checkout."""
    (tmp_path / "models" / "deep").mkdir(parents=True)
    (tmp_path / "app.py").touch()

    assert find_root(tmp_path / "models" / "deep") == tmp_path
