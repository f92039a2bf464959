"""Bytecode for the Python that will run it, valid whatever a zip does to time stamps."""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import uv

from infra.config.deployment import HOST_PYTHON


@cache
def interpreter_of(python: str) -> Path | None:
    """Return an interpreter of this version: the running one, one on PATH or one uv manages."""
    if python == HOST_PYTHON:
        return Path(sys.executable)
    on_path = shutil.which(f"python{python}")
    if on_path:
        return Path(on_path)
    found = subprocess.run(  # noqa: S603 - the pinned uv
        [uv.find_uv_bin(), "python", "find", "--no-python-downloads", "--no-project", python],
        capture_output=True,
        text=True,
        check=False,
    )
    return Path(found.stdout.strip()) if found.returncode == 0 else None


def compile_tree(root: Path, interpreter: Path) -> None:
    """Write bytecode beside every module below a folder.

    It is of the unchecked-hash kind: Lambda's zips carry other time stamps than the sources had,
    so Python would discard the usual kind and compile again at every cold start.

    Source:
        docs.python.org/3/library/compileall.html (--invalidation-mode), PEP 552.
    """
    subprocess.run(  # noqa: S603 - an interpreter found above
        [
            str(interpreter),
            "-I",
            "-m",
            "compileall",
            "-q",
            "-q",
            "--invalidation-mode",
            "unchecked-hash",
            "-s",
            str(root),
            "-p",
            "/opt",
            str(root),
        ],
        check=True,
    )
