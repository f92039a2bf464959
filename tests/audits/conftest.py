"""A synthesized assembly of one model for both profiles, and copies of it that may be doctored."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audits.alarms import examine
from audits.findings import Report
from tests.infra.conftest import PROFILES, new_catalogue, synthesized

MODEL_STACK = "FalajModel-churn"
ROLLOUTS = "FalajRollouts"


@pytest.fixture(scope="session")
def synthesized_once(made_once: Callable[..., Path]) -> dict[str, Path]:
    """The assembly of each profile."""

    def make(root: Path) -> None:
        catalogue = new_catalogue(root)
        catalogue.add("churn")
        for profile in PROFILES:
            synthesized(catalogue.sources, root / profile, {"falaj:profile": profile})

    root = made_once("audited", make)
    return {profile: root / profile for profile in PROFILES}


@pytest.fixture(scope="session")
def examined(synthesized_once: dict[str, Path]) -> dict[str, Report]:
    """What the alarms of each profile were seen to do."""
    return {profile: examine(folder) for profile, folder in synthesized_once.items()}


@pytest.fixture(scope="session")
def all_at_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembly of a model whose releases get everything at once."""
    root = tmp_path_factory.mktemp("at-once")
    catalogue = new_catalogue(root)
    catalogue.add("churn", release={"plan": "all_at_once"})
    return synthesized(catalogue.sources, root / "out", {}).folder


@pytest.fixture(scope="session")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembly of a model whose tenants have priorities."""
    root = tmp_path_factory.mktemp("counted")
    (root / "tenants.yaml").write_text("default: {rate_per_s: 10, burst: 20}\n")
    catalogue = new_catalogue(root)
    catalogue.add("churn")
    asked = {"falaj:access": "iam", "falaj:tenants": str(root / "tenants.yaml")}
    return synthesized(catalogue.sources, root / "out", asked).folder


class Doctored:
    """A copy of an assembly whose templates may be spoilt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def resources(self, stack: str) -> dict[str, Any]:
        """Return a stack's resources."""
        return self._read(stack)["Resources"]

    def spoil(self, stack: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Change a stack's resources."""
        template = self._read(stack)
        change(template["Resources"])
        self._file(stack).write_text(json.dumps(template), encoding="utf-8")

    def spoil_alarm(self, kind: str, change: Callable[[dict[str, Any]], None]) -> str:
        """Change the properties of one of the model's alarms; return its name."""
        names: list[str] = []

        def spoil(resources: dict[str, Any]) -> None:
            for properties in _alarms(resources):
                if properties["AlarmName"].rpartition("-")[0] == f"falaj-churn-{kind}":
                    names.append(properties["AlarmName"])
                    change(properties)

        self.spoil(MODEL_STACK, spoil)
        (name,) = names
        return name

    def _file(self, stack: str) -> Path:
        return self.folder / f"{stack}.template.json"

    def _read(self, stack: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self._file(stack).read_bytes())
        return value


def _alarms(resources: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in resources.values():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            yield resource["Properties"]


@pytest.fixture
def doctored(synthesized_once: dict[str, Path], tmp_path: Path) -> Doctored:
    """A copy of the small business's assembly."""
    folder = tmp_path / "cdk.out"
    folder.mkdir()
    for path in synthesized_once["smb"].glob("*.json"):
        shutil.copy(path, folder)
    return Doctored(folder)
