"""Promise: one program synthesizes, for Lambda under the CDK CLI and for this machine by hand."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.config.deployment import HOST_PYTHON, host_architecture
from infra.main import main
from infra.node import packaged_node

REPOSITORY = Path(__file__).parents[2]
CDK_CLI = "aws-cdk@2.1148.1"


def run_app(catalogue, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run app.py as an operator would."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("CDK_", "FALAJ_", "JSII_"))}
    return subprocess.run(
        [
            sys.executable,
            "app.py",
            "--models",
            str(catalogue.sources.models),
            "--build",
            str(catalogue.sources.build),
            *arguments,
        ],
        cwd=REPOSITORY,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def function_of(outdir: Path) -> dict:
    """Return the only model's function."""
    template = json.loads((outdir / "FalajModel-churn.template.json").read_bytes())
    (function,) = (
        r for r in template["Resources"].values() if r["Type"] == "AWS::Lambda::Function"
    )
    return function["Properties"]


@pytest.mark.slow
def test_by_hand_it_is_built_for_this_machine(catalogue, tmp_path):
    """And says so in one line, with nothing else on the screen.

    As `falaj up --profile enterprise` asks for it: cdk.json's own profile does not win.
    """
    catalogue.add("churn")
    done = run_app(
        catalogue,
        "-o",
        str(tmp_path / "out"),
        FALAJ_PROFILE="enterprise",
        CDK_CONTEXT_JSON='{"falaj:profile": "smb"}',
    )
    function = function_of(tmp_path / "out")

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (
        f"{tmp_path / 'out'}: profile enterprise, built for this machine "
        f"({host_architecture()}, Python {HOST_PYTHON})\n"
    )
    assert (function["Runtime"], function["Architectures"]) == (
        f"python{HOST_PYTHON}",
        [host_architecture()],
    )


def synthesize(catalogue, *arguments: str, **environment: str) -> int:
    """Do in this process what app.py does."""
    given = (
        "--models",
        str(catalogue.sources.models),
        "--build",
        str(catalogue.sources.build),
        *arguments,
    )
    return main(REPOSITORY, given, environment)


def test_a_refusal_is_a_sentence_for_each_fault_and_exit_code_1(catalogue, tmp_path, capsys):
    """Not a traceback."""
    catalogue.add("churn")
    context = ("-c", "falaj:region=eu-west-1", "-c", "falaj:account=12")
    code = synthesize(catalogue, *context, "-o", str(tmp_path / "out"))
    lines = capsys.readouterr().err.splitlines()

    assert (code, [line[:19] for line in lines]) == (
        1,
        ["refused: region 'eu", "refused: account '1"],
    )


def test_the_environment_chooses_profile_and_place(catalogue, tmp_path):
    """As `falaj up` does."""
    catalogue.add("churn")
    synthesize(catalogue, CDK_OUTDIR=str(tmp_path / "out"), FALAJ_PROFILE="enterprise")

    variables = function_of(tmp_path / "out")["Environment"]["Variables"]
    assert variables["FALAJ_PROFILE"] == "enterprise"


def test_a_setting_without_a_value_is_misuse(catalogue, capsys):
    """Exit code 2, and how to write it."""
    with pytest.raises(SystemExit) as caught:
        synthesize(catalogue, "-c", "falaj:profile")

    assert (caught.value.code, "write key=value" in capsys.readouterr().err) == (2, True)


def test_jsii_runs_the_packaged_node():
    """Not the machine's, which may be old or missing."""
    done = subprocess.run([packaged_node(), "--version"], capture_output=True, check=True)

    assert done.stdout.startswith(b"v24.")


def cdk(catalogue, tmp_path, *words):
    """Run the pinned CDK CLI: the registry's latest refuses our schema (aws-cdk issue 38113)."""
    app = (
        f"{sys.executable} {REPOSITORY / 'app.py'} "
        f"--models {catalogue.sources.models} --build {catalogue.sources.build}"
    )
    return subprocess.run(
        ["npx", "--yes", CDK_CLI, *words, "--quiet", "--app", app, "-o", str(tmp_path / "out")],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npx") is None, reason="npx is not on this machine")
def test_the_real_cdk_cli_refuses_models_whose_publisher_nobody_named(catalogue, tmp_path):
    """With what to do."""
    catalogue.add("churn")
    done = cdk(catalogue, tmp_path, "synth")

    assert done.returncode != 0
    assert "refused: falaj:publisherKey is not set" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npx") is None, reason="npx is not on this machine")
def test_the_real_cdk_cli_synthesizes_for_lambda(catalogue, tmp_path):
    """As the throw-away key, whose use is said, would be deployed."""
    catalogue.add("churn")
    done = cdk(catalogue, tmp_path, "synth", "-c", "falaj:publisherKey=throw-away")
    assert done.returncode == 0, done.stderr
    function = function_of(tmp_path / "out")

    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
