"""Experiments beside a model are read by name, and every fault of every file is told."""

import pytest
import yaml

from catalogue.experiments import load_experiments
from falaj.errors import ConfigurationError

DECLARED = {
    "name": "greeting",
    "model": "tashkeel",
    "arms": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5}],
    "metrics": [{"name": "clicked", "kind": "binary"}],
}


def write(root, file, **settings):
    """Write a declaration."""
    folder = root / "tashkeel" / "experiments"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(yaml.safe_dump(DECLARED | settings), encoding="utf-8")


def test_experiments_are_read_in_the_order_of_their_names(tmp_path):
    """Other files beside them, and models without any, are nothing special."""
    write(tmp_path, "greeting.yaml")
    write(tmp_path, "farewell.yaml", name="farewell")
    (tmp_path / "tashkeel" / "experiments" / "notes.md").write_text("not one")

    found = load_experiments(tmp_path, "tashkeel")

    assert [spec.name for spec in found] == ["farewell", "greeting"]
    assert load_experiments(tmp_path, "file-type") == ()


def test_every_fault_of_every_file_is_told(tmp_path):
    """The file's name first, so that an editor finds it."""
    write(tmp_path, "greeting.yaml", alpha=7, looks=0)
    write(tmp_path, "renamed.yaml")
    write(tmp_path, "stray.yaml", name="stray", model="file-type")
    broken = tmp_path / "tashkeel" / "experiments" / "broken.yaml"
    broken.write_text("arms: [", encoding="utf-8")

    with pytest.raises(ConfigurationError) as refusal:
        load_experiments(tmp_path, "tashkeel")

    told = refusal.value.faults
    assert len(told) == 5
    for part in (
        "broken.yaml: not readable as YAML",
        "greeting.yaml: experiment 'greeting': alpha 7",
        "looks 0",
        "renamed.yaml: the experiment is called 'greeting'",
        "stray.yaml: it is about model 'file-type' but lies with 'tashkeel'",
    ):
        assert any(part in fault for fault in told), part
