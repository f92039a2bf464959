"""The command, run in this process, with what it prints."""

import json
from dataclasses import dataclass

import pytest

from cli.main import run
from cli.shapes import ERROR, SHAPES, fits
from tests.falaj.platform_front import serving, whole_api


@dataclass(frozen=True)
class Said:
    """What a command line ended with."""

    words: tuple[str, ...]
    exit: int
    out: str
    err: str

    @property
    def document(self):
        """Standard output as the one JSON document that `--json` promises, of a promised shape."""
        found = json.loads(self.out)
        assert any(fits(frozenset(found), shape) for shape in (ERROR, *self._shapes)), sorted(found)
        return found

    @property
    def _shapes(self):
        spoken = (SHAPES.get(" ".join(self.words[:count])) for count in (1, 2))
        return next((shapes for shapes in spoken if shapes), ())


@pytest.fixture
def falaj(capsys):
    """Run one command line."""

    def falaj(*words):
        capsys.readouterr()
        status = run(list(words))
        out, err = capsys.readouterr()
        return Said(words, int(status), out, err)

    return falaj


@pytest.fixture(scope="session")
def url():
    """The whole API of the repository's own catalogue, served."""
    with serving(whole_api()) as address:
        yield address
