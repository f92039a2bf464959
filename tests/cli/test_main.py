"""Every command explains itself, ends with the documented status, and never with a traceback."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from cli.main import application
from cli.reference import reference

ROOT = Path(__file__).parents[2]


def paths(command, prefix=()):
    """Every command line that has a help, the root's first."""
    yield prefix
    for name, child in getattr(command, "commands", {}).items():
        yield from paths(child, (*prefix, name))


ALL = list(paths(get_command(application())))


@pytest.mark.parametrize("path", ALL, ids=lambda p: " ".join(("falaj", *p)))
def test_help_ends_with_an_example(falaj, path):
    """A reader learns a command by copying its last line."""
    said = falaj(*path, "--help")
    last = " ".join(said.out.rpartition("$ ")[2].split())  # a narrow terminal wraps it

    assert said.exit == 0
    assert " ".join(("falaj", *path)) in last
    assert "╰" not in last


@pytest.mark.parametrize("path", [p for p in ALL if p], ids=" ".join)
def test_examples_are_understood(path):
    """No example names an option that does not exist."""
    command = get_command(application())
    for name in path:
        command = command.commands[name]
    for line in command.epilog.split("\n\n"):
        words = shlex.split(line.partition(" falaj ")[2].removesuffix("[/]"))
        if words[: len(path)] == list(path) and not hasattr(command, "commands"):
            command.make_context(path[-1], words[len(path) :], resilient_parsing=False)


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("models", "nonsense"),
        ("up", "--nonsense"),
        ("infer",),
        ("up", "--profile", "x"),
    ],
    ids=" ".join,
)
def test_misuse_ends_with_two(falaj, words):
    """A wrong command line is told apart from failed work."""
    said = falaj(*words)

    assert said.exit == 2
    assert said.err.startswith("✗ ")
    assert "Traceback" not in said.err


def test_no_command_shows_the_help(falaj):
    """A newcomer who types `falaj` sees what there is."""
    assert "models" in falaj().out


def test_failure_is_one_json_document_for_a_program(falaj):
    """With --json, standard output always parses."""
    said = falaj("infer", "tashkeel", "--json", "--example", "--url", "http://127.0.0.1:1")

    assert said.exit == 1
    assert said.document["code"] == "unreachable"
    assert "falaj up" in said.document["error"]
    assert said.err == ""


def test_misuse_is_json_too(falaj):
    """Even a wrong option is told in JSON to a program."""
    said = falaj("models", "list", "--json", "--nonsense")

    assert (said.exit, said.document["code"]) == (2, "misuse")


def test_version_is_printed(falaj):
    """A bug report can say which falaj it was."""
    assert falaj("--version").out.strip() == "0.1.0"


def test_help_imports_nothing_heavy():
    """The command answers at once: engines, CDK and AWS are imported by those who need them."""
    heavy = "{'onnxruntime', 'onnx', 'sklearn', 'aws_cdk', 'boto3', 'moto', 'numpy', 'yaml'}"
    code = (
        "import sys; from cli.main import run; run(['--help']);"
        f"sys.exit(repr(sorted({heavy} & sys.modules.keys())))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_model_names(shell):
    """`falaj infer ta<TAB>` finds tashkeel."""
    words = {"COMP_WORDS": "falaj infer ta", "COMP_CWORD": "2"}
    line = {"_TYPER_COMPLETE_ARGS": "falaj infer ta"}
    done = subprocess.run(
        [Path(sys.executable).with_name("falaj")],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "_FALAJ_COMPLETE": f"complete_{shell}",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            **(words if shell == "bash" else line),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert "tashkeel" in done.stdout


def test_reference_is_current():
    """docs/reference/cli.md says what the commands say; `python -m cli.reference` writes it."""
    assert (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8") == reference()
