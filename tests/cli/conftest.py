"""The command, run in this process, with what it prints."""

import json
from dataclasses import dataclass

import pytest

from cli.main import run
from tests.falaj.platform_front import serving, whole_api


@dataclass(frozen=True)
class Said:
    """What a command line ended with."""

    exit: int
    out: str
    err: str

    @property
    def document(self):
        """Standard output as the one JSON document that `--json` promises."""
        return json.loads(self.out)


@pytest.fixture
def falaj(capsys):
    """Run one command line."""

    def falaj(*words):
        capsys.readouterr()
        status = run(list(words))
        out, err = capsys.readouterr()
        return Said(int(status), out, err)

    return falaj


@pytest.fixture(scope="session")
def url():
    """The whole API of the repository's own catalogue, served."""
    with serving(whole_api()) as address:
        yield address
