"""`falaj up` ends with an address and a line that works as pasted, and goes quietly."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from cli.settings import Settings
from cli.synthesis import STAMP, fingerprint
from cli.up import curl_line
from tests.falaj.platform_front import BUILD, ROOT, published_models

FALAJ = Path(sys.executable).with_name("falaj")


def environment(**ports):
    """This process's, with ports that the system chooses."""
    return {**os.environ, "FALAJ_PORT": "0", "FALAJ_AWS_PORT": "0", **ports}


def test_line_to_try_is_the_shortest_known_case():
    """It fits a terminal, and needs no file."""
    names = tuple(model.name for model in published_models())

    line = curl_line("http://127.0.0.1:8080", names, BUILD / "models")

    assert line.startswith("curl -s http://127.0.0.1:8080/v2/models/")
    assert len(line) == min(
        len(curl_line("http://127.0.0.1:8080", (name,), BUILD / "models")) for name in names
    )


def test_unbuilt_catalogue_still_has_a_line(tmp_path):
    """There is always something to try."""
    assert (
        curl_line("http://127.0.0.1:8080", ("m",), tmp_path) == "curl -s http://127.0.0.1:8080/v2"
    )


def test_taken_port_is_one_sentence(falaj, monkeypatch):
    """Told before anything slow begins."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("FALAJ_PORT", str(taken.getsockname()[1]))

        said = falaj("up")

    assert said.exit == 1
    assert "FALAJ_PORT" in said.err
    assert "Traceback" not in said.err


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["smb", "enterprise"])
def test_pasted_line_is_answered_and_interrupt_ends_it(profile):
    """The newcomer's first minute, whole: up, paste, Ctrl-C."""
    with subprocess.Popen(
        [FALAJ, "up", "--json", "--profile", profile],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as region:
        try:
            ready = json.loads("".join(_until_brace(region.stdout)))
            answered = pasted(ready["try"])
            region.send_signal(signal.SIGINT)
            _, err = region.communicate(timeout=300)  # all workers of a machine may be busy
        finally:
            region.kill()

    assert sorted(ready["models"]) == sorted(model.name for model in published_models())
    assert json.loads(answered)["outputs"]
    assert (region.returncode, err) == (0, "")


def pasted(line: str) -> str:
    """Return what a shell prints that the line is pasted into; what `curl` would, where none is."""
    if shutil.which("curl"):
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
        return done.stdout
    program, silent, *rest = shlex.split(line)
    assert (program, silent) == ("curl", "-s")
    (url,) = (word for word in rest if word.startswith("http://"))
    given = list(pairwise(rest))
    headers = dict(value.split(": ", 1) for option, value in given if option == "-H")
    (body,) = (value for option, value in given if option == "-d")
    asked = Request(url, body.encode(), headers)  # noqa: S310 - the region just started
    with urlopen(asked, timeout=60) as answer:  # noqa: S310 - as above
        return answer.read().decode()


def _until_brace(lines):
    for line in lines:
        yield line
        if line == "}\n":
            return


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A repository with nothing in it, in which the command runs."""
    (tmp_path / "app.py").write_text("")
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FALAJ_PORT", "0")
    monkeypatch.setenv("FALAJ_AWS_PORT", "0")
    return tmp_path


def test_missing_model_build_is_one_sentence(falaj, workspace):
    """A version whose bytes nobody can make says what to run."""
    folder = workspace / "models/mystery"
    folder.mkdir()
    (folder / "model.yaml").write_text("name: mystery\ndescription: d\nowner: o\nversion: 1\n")

    said = falaj("up")

    assert said.exit == 1
    assert "mystery" in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


def test_broken_template_is_one_sentence(falaj, workspace):
    """A template that somebody edited is named, with what is wrong in it."""
    shutil.copytree(ROOT / "models/breast-cancer", workspace / "models/breast-cancer")
    (workspace / ".build").symlink_to(BUILD)
    out = workspace / "cdk.out"
    out.mkdir()
    manifest = {
        "version": "48.0.0",
        "artifacts": {
            "Broken": {
                "type": "aws:cloudformation:stack",
                "environment": "aws://unknown-account/me-central-1",
                "properties": {"templateFile": "Broken.template.json"},
            }
        },
    }
    (out / "manifest.json").write_text(json.dumps(manifest))
    (out / "Broken.template.json").write_text('{"Resources": {"Table": {"Type": "AWS::Nothing::"')
    settings = Settings.from_env()
    (out / STAMP).write_text(json.dumps({"inputs": fingerprint(settings)}))

    said = falaj("up")

    assert said.exit == 1
    assert "Broken.template.json" in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
