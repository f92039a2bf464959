"""Synthesis runs when its inputs changed, and only then; its refusals are told in its own words."""

import sys

import pytest

from cli.settings import Settings
from cli.synthesis import fingerprint, is_current, synthesize
from falaj.errors import ConfigurationError

COUNTING = """
import os, pathlib
out = pathlib.Path(os.environ["CDK_OUTDIR"])
out.mkdir(exist_ok=True)
(out / "runs").open("a").write(os.environ["FALAJ_PROFILE"] + " ")
"""


@pytest.fixture
def settings(tmp_path):
    """A repository whose app only counts."""
    (tmp_path / "models").mkdir()
    (tmp_path / "app.py").write_text(COUNTING)
    return Settings(root=tmp_path)


def test_synthesized_stacks_are_current(settings):
    """A second `falaj up` starts at once."""
    assert not is_current(settings)

    synthesize(settings)

    assert is_current(settings)
    assert (settings.cdk_out / "runs").read_text() == "smb "


@pytest.mark.parametrize("changed", ["models/m/model.yaml", "layers/a.py", "infra/b.py", "app.py"])
def test_any_changed_input_synthesizes_again(settings, changed):
    """Nobody serves yesterday's templates."""
    synthesize(settings)
    path = settings.root / changed
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("pass")

    assert not is_current(settings)


def test_another_profile_is_another_synthesis(settings):
    """The enterprise profile never runs from smb's templates."""
    enterprise = Settings(root=settings.root, profile="enterprise")

    assert fingerprint(settings) != fingerprint(enterprise)


def test_bytecode_changes_nothing(settings):
    """Running a file does not make it new."""
    before = fingerprint(settings)
    cache = settings.root / "infra" / "__pycache__"
    cache.mkdir(parents=True)
    (cache / f"b.{sys.implementation.cache_tag}.pyc").touch()

    assert fingerprint(settings) == before


def test_refusals_are_told_one_by_one(settings):
    """What the app refuses is shown as it says it, and nothing counts as synthesized."""
    (settings.root / "app.py").write_text(
        "import sys; sys.stderr.write('refused: a\\nrefused: b\\n'); sys.exit(1)"
    )

    with pytest.raises(ConfigurationError) as refused:
        synthesize(settings)

    assert refused.value.faults == ("a", "b")
    assert not is_current(settings)
