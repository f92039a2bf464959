"""Promise: `falaj audit alarms` shows what each alarm does, and fails when one does nothing."""

import json
import shutil
from pathlib import Path

import pytest

from tests.infra.conftest import new_catalogue, synthesized


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model's stacks."""
    root = tmp_path_factory.mktemp("audit")
    catalogue = new_catalogue(root)
    catalogue.add("churn")
    return synthesized(catalogue.sources, root / "out", {}).folder


@pytest.fixture
def dead(assembly: Path, tmp_path: Path) -> Path:
    """The same with a rule that is switched off."""
    folder = tmp_path / "cdk.out"
    folder.mkdir()
    for path in assembly.glob("*.json"):
        shutil.copy(path, folder)
    file = folder / "FalajRollouts.template.json"
    file.write_text(file.read_text().replace('"ENABLED"', '"DISABLED"'))
    return folder


def test_live_alarms_pass(falaj, assembly):
    """A table that a person reads, and exit 0."""
    said = falaj("audit", "alarms", "--cdk-out", str(assembly))

    assert said.exit == 0
    assert "9 alarms can fire" in said.out
    assert "its process crashes" in said.out


def test_dead_alarms_are_named_with_the_mend(falaj, dead):
    """Exit 3: the work was done and the gate says no."""
    said = falaj("audit", "alarms", "--cdk-out", str(dead))

    assert said.exit == 3
    assert "no enabled rule hears its change of state" in " ".join(said.out.split())
    assert "mend:" in said.out


def test_a_program_gets_one_document(falaj, dead):
    """Proofs and findings, field by field."""
    said = falaj("audit", "alarms", "--cdk-out", str(dead), "--json")
    document = json.loads(said.out)

    assert said.exit == 3
    assert (document["ok"], len(document["alarms"]), len(document["findings"])) == (False, 9, 7)
    assert set(document["findings"][0]) == {"stack", "alarm", "problem", "mend"}


def test_a_missing_assembly_is_one_sentence(falaj, tmp_path):
    """Exit 1, and what to run."""
    said = falaj("audit", "alarms", "--cdk-out", str(tmp_path))

    assert said.exit == 1
    assert "python app.py" in said.err
