"""`falaj synth` writes what a running region deploys, and only when something has changed."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = "breast-cancer"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository whose catalogue is its own, and one model of it."""
    for path in ROOT.iterdir():
        if path.name not in {"models", "cdk.out", ".git"}:
            (tmp_path / path.name).symlink_to(path)
    shutil.copytree(ROOT / "models" / MODEL, tmp_path / "models" / MODEL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_another_version_is_another_release(checkout, falaj):
    """Edit model.yaml, say `falaj synth`: the stacks that are followed want the new version."""
    first = falaj("synth", "--json")
    template = checkout / "cdk.out" / f"FalajModel-{MODEL}.template.json"
    before = template.read_text()
    declared = checkout / "models" / MODEL / "model.yaml"
    declared.write_text(declared.read_text().replace("version: 1", "version: 2", 1))

    second = falaj("synth", "--json")

    assert (first.exit, second.exit) == (0, 0)
    assert second.document == {"assembly": str(checkout / "cdk.out"), "profile": "smb"}
    assert '\\"model_version\\":1' in before
    assert '\\"model_version\\":2' in template.read_text()


@pytest.mark.parametrize(
    "words", [("synth", "--profile", "bank"), ("up", "--profile", "bank"), ("up", "--speed", "99")]
)
def test_senseless_option_is_misuse(falaj, words):
    """Told before anything is built."""
    said = falaj(*words)

    assert said.exit == 2
    assert words[1] in said.err
