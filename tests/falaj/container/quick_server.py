"""The container's process, which looks at everything five times a second."""

import sys

import uvloop

from falaj.config.container import ContainerSettings
from falaj.entrypoints.container import serve


def to_stdout(line):
    """Write a line at once."""
    sys.stdout.write(line)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(uvloop.run(serve(ContainerSettings.from_env(), write=to_stdout, every_s=0.2)))
