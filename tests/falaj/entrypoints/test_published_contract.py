"""schemathesis finds nothing on the published document, against platform and models alike."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.falaj.platform_front import serving, whole_api

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


def test_schemathesis_finds_nothing(tmp_path):
    """Every operation keeps to the document under valid, invalid and absent data."""
    with serving(whole_api()) as url:
        done = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                f"--config-file={HERE / 'schemathesis.toml'}",
                "run",
                f"{url}/openapi.json",
                "--phases=examples,coverage,fuzzing",
                "--continue-on-failure",
                "--no-color",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 0, done.stdout[-4000:]
    assert "35 passed" in done.stdout
