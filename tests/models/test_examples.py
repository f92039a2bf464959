"""The examples do what their first line promises, against the protocol as it is served."""

import subprocess
import sys

import pytest

from tests.models.conftest import REPOSITORY


@pytest.fixture
def example(address):
    """Run an example against the server; return what it printed."""

    def call(name, *arguments, url=address, **environment):
        where = [] if environment else ["--url", url]
        done = subprocess.run(
            [sys.executable, f"examples/{name}.py", *where, *arguments],
            cwd=REPOSITORY,
            env={"PYTHONIOENCODING": "utf-8"} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return call


def test_files_are_told(example):
    """Each sample stands beside what it is."""
    code, printed, _ = example("file_type")
    assert code == 0
    assert [line.split()[0] for line in printed.splitlines()] == [
        "fields.sqlite",
        "gradient.png",
        "page.pdf",
        "share.py.txt",
        "tone.wav",
    ]
    assert "PNG image" in printed
    assert "Python source" in printed


def test_sentence_is_vocalised(example):
    """The given sentence comes back with its marks."""
    code, printed, _ = example("tashkeel", "لا إله إلا الله")
    assert (code, printed.split("\n")[1]) == (0, "لَا إِلَهَ إِلَّا اللَّهُ")


@pytest.mark.parametrize("arguments", [(), ("--version", "2")])
def test_tumours_are_told(example, arguments):
    """Both versions agree with the pathologist on the clearest six."""
    code, printed, _ = example("breast_cancer", *arguments)
    assert (code, printed.splitlines()[-1]) == (
        0,
        "6 of 6 right. Teaching data, not medical advice.",
    )


def test_examples_ask_where_the_region_listens(example, address):
    """Who moved the API to another port says so once, for the region and for the examples."""
    port = address.rpartition(":")[2]
    by_port = example("tashkeel", "لا إله إلا الله", FALAJ_PORT=port)
    by_url = example("tashkeel", "لا إله إلا الله", FALAJ_URL=address, FALAJ_PORT="9")

    assert (by_port[0], by_url) == (0, by_port)


def test_silent_address_is_one_sentence(example):
    """Without a server the example says how to start one."""
    code, _, said = example("tashkeel", url="http://127.0.0.1:9")
    assert code == 1
    assert said.startswith("nothing answers at http://127.0.0.1:9")
    assert "make up" in said


def test_refusal_is_quoted(example):
    """An unknown version is told in the server's words."""
    code, _, said = example("breast_cancer", "--version", "9")
    assert code == 1
    assert said.startswith("breast-cancer refused: ")
