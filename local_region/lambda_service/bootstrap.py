"""What /var/runtime/bootstrap is on Lambda: the first file a function process runs.

The interpreter starts with `-P -S -B`: no site packages of the machine, no bytecode written beside
the code. `site` is therefore asked here for the builtins (`exit`, `quit`) that handlers may use.
"""

import os
import runpy
import site
import sys

BOUNDARY = "_FALAJ_BOUNDARY"
"""Names the program of a `Boundary`, if the region has one; it runs before anything is imported."""

if __name__ == "__main__":
    site.setquit()
    site.setcopyright()
    site.sethelper()
    if program := os.environ.pop(BOUNDARY, None):  # noqa: TID251 - not a setting of Falaj's
        runpy.run_path(program)
    from awslambdaric.__main__ import main  # type: ignore[import-untyped]

    main(sys.argv)
