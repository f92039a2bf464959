"""The README promises nothing that is not there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from cli.main import application
from tests.falaj.platform_front import serving, whole_api

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINKS = sorted(set(re.findall(r"\]\(([^)#:]+)\)", README)))
COMMANDS = re.findall(r"^\$ (.+)$", README, re.MULTILINE)
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("link", LINKS)
def test_linked_files_exist(link):
    """Every guarantee leads to its test, every picture to its file."""
    assert (ROOT / link).exists()


@pytest.mark.parametrize("row", re.findall(r"^\| .*test_.*\|$", README, re.MULTILINE))
def test_every_guarantee_has_a_test_that_tests(row):
    """A linked file that holds no test would back nothing."""
    files = re.findall(r"\]\((tests/[^)]+)\)", row)

    assert files
    assert all("\ndef test_" in (ROOT / file).read_text(encoding="utf-8") for file in files)


@pytest.mark.parametrize("target", [c.split()[1] for c in COMMANDS if c.startswith("make ")])
def test_make_targets_exist(target):
    """The quickstart is what the Makefile does."""
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    "words", [c.split()[1:] for c in COMMANDS if c.startswith(".venv/bin/falaj ")], ids=" ".join
)
def test_commands_are_understood(words):
    """Every `falaj` line parses, option by option."""
    command, rest = get_command(application()), list(words)
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]

    assert command.make_context("falaj", rest).params


@pytest.mark.parametrize(
    "script", [c.split()[1] for c in COMMANDS if c.startswith(".venv/bin/python ")]
)
def test_scripts_exist(script):
    """The examples are where the README says."""
    assert (ROOT / script).is_file()


def test_ten_lines_work_as_written():
    """The example is run, with another port only."""
    (example,) = PYTHON
    with serving(whole_api()) as url:
        code = example.replace("127.0.0.1:8080", url.removeprefix("http://"))
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )

    assert done.returncode == 0, done.stderr
    assert len(example.strip().splitlines()) <= 10
    assert re.fullmatch(r"\[\[.*\]\]\n", done.stdout)
