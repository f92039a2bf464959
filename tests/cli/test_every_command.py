"""Whatever the command: one JSON document of a promised shape, a documented exit, a way on."""

import re
import shlex
import socket
from pathlib import Path

import pytest
from typer.main import get_command

from cli.exits import Exit
from cli.main import application
from cli.shapes import SHAPES

ROOT = Path(__file__).parents[2]


def leaves(command, path=()):
    """Give every command that does something, with its words."""
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
    for name, child in (children or {}).items():
        yield from leaves(child, (*path, name))


COMMANDS = dict(leaves(get_command(application())))
every_command = pytest.mark.parametrize("path", COMMANDS, ids=" ".join)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A checkout without a model whose stacks cannot be synthesized, and no region."""
    (tmp_path / "models").mkdir()
    (tmp_path / "app.py").write_text("raise SystemExit('the stacks are at fault')")
    (tmp_path / "requirements.txt").write_text("")
    monkeypatch.chdir(tmp_path)
    with socket.socket() as api, socket.socket() as aws:
        for name, taken in (("FALAJ_PORT", api), ("FALAJ_AWS_PORT", aws)):
            taken.bind(("127.0.0.1", 0))  # taken, and nobody answers there
            monkeypatch.setenv(name, str(taken.getsockname()[1]))
        yield tmp_path


def example_of(path):
    """Return the words of a command's first example, for a local region."""
    lines = COMMANDS[path].epilog.split("\n\n")[1:]
    words = shlex.split(re.sub(r"\[/?[a-z ]*\]", "", lines[0]).partition(" falaj ")[2])
    at = words.index("--target") if "--target" in words else len(words)
    return [word for word in words[:at] + words[at + 2 :] if word != "--json"]


@every_command
def test_it_speaks_json(path):
    """A program can use every command."""
    assert any("--json" in option.opts for option in COMMANDS[path].params)


def test_every_shape_is_promised():
    """Each command's JSON is documented, and nothing is that does not exist."""
    assert set(SHAPES) == {" ".join(path) for path in COMMANDS}


@every_command
def test_a_wrong_option_is_misuse(falaj, path):
    """A program that is mistaken reads so from the exit and from one document."""
    said = falaj(*path, "--json", "--nonsense")

    assert (said.exit, said.document["code"], said.err) == (Exit.MISUSE, "misuse", "")


@every_command
@pytest.mark.usefixtures("nowhere")
def test_where_nothing_runs_it_answers_or_says_what_to_do(falaj, path):
    """No model, no region, stacks at fault: a promised document, or a sentence with a way on."""
    said = falaj(*example_of(path), "--json")
    document = said.document

    assert said.err == ""
    if "error" in document:
        assert said.exit in {Exit.ERROR, Exit.MISUSE, Exit.REFUSED}
        assert WAY_ON.search(document["error"]), document["error"]
    else:
        assert said.exit == (Exit.PASSED if document.get("ok", True) else Exit.ERROR)


WAY_ON = re.compile(r"`falaj |--[a-z]|set [A-Z_]+|; add |; name |choose|No such file|at fault$")
"""A command, an option, a setting; or the reader's own file or stacks, which are at fault."""

COMPLETED = {
    "model": "tashkeel",
    "name": "tashkeel",
    "names": "tashkeel",
    "experiment": "breast-cancer/second-opinion",
    "profile": "enterprise",
    "access": "jwt",
    "target": "aws",
    "choice": "promote",
}
"""What the shell finds for each kind of word, where the example's experiment is declared."""


@pytest.fixture
def declared(tmp_path, monkeypatch):
    """This catalogue, with the example's experiment in it."""
    (tmp_path / "app.py").touch()
    for model in (ROOT / "models").iterdir():
        (tmp_path / "models" / model.name / "experiments").mkdir(parents=True)
        (tmp_path / "models" / model.name / "model.yaml").symlink_to(model / "model.yaml")
    example = ROOT / "examples" / "experiments" / "second-opinion.yaml"
    (tmp_path / "models/breast-cancer/experiments" / example.name).symlink_to(example)
    monkeypatch.chdir(tmp_path)


@every_command
@pytest.mark.usefixtures("declared")
def test_the_shell_completes_its_words(path):
    """Two letters and a tab find models, experiments, profiles and targets, wherever they go."""
    command = COMMANDS[path]
    context = command.make_context(path[-1], [], resilient_parsing=True)
    missed = [
        parameter.name
        for parameter in command.params
        if (word := COMPLETED.get(parameter.name)) and (path, parameter.name) not in OTHERS
        if word not in {item.value for item in parameter.shell_complete(context, word[:2])}
    ]

    assert missed == []


OTHERS = {(("models", "add"), "name"), (("rehearse",), "experiment")}
"""A name that is not in the catalogue yet, and a file, which the shell itself completes."""
