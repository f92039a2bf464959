"""Promise: types are checked against every part of the CDK that infra uses."""

import ast
import re
import tomllib
from pathlib import Path

import aws_cdk

REPOSITORY = Path(__file__).parents[2]
CDK = Path(aws_cdk.__file__).parent
_OWN_IMPORT = re.compile(r"(?m)^ {4}import (aws_cdk[\w.]*) as _\w+_[0-9a-f]{8}$")
"""How jsii's modules import what their signatures name."""


def source(module: str) -> Path:
    """Return where a CDK module would be."""
    return CDK.joinpath(*module.split(".")[1:], "__init__.py")


def imported(text: str) -> set[str]:
    """Return the CDK's modules that a program imports."""
    names = set[str]()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
    return {name for name in names if name.partition(".")[0] == "aws_cdk" and source(name).exists()}


def test_mypy_reads_what_infra_uses_and_all_that_its_signatures_name():
    """A name that mypy did not read would be Any, which nothing contradicts."""
    todo = set().union(*(imported(path.read_text()) for path in REPOSITORY.glob("infra/**/*.py")))
    needed = set[str]()
    while todo:
        needed |= todo
        todo = {
            name for module in todo for name in _OWN_IMPORT.findall(source(module).read_text())
        } - needed
    mypy = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["mypy"]
    (read,) = (
        set(override["module"])
        for override in mypy["overrides"]
        if override.get("follow_imports") == "normal"
    )

    assert len(needed) > 50
    assert {
        name
        for name in needed
        if name not in read and not name.startswith(("aws_cdk.interfaces", "aws_cdk._jsii"))
    } == set()
