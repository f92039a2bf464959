"""What /var/runtime/bootstrap is on Lambda: the first file a function process runs.

The interpreter starts with `-P -S -B`: no site packages of the machine, no bytecode written beside
the code. `site` is therefore asked here for the builtins (`exit`, `quit`) that handlers may use.
"""

import importlib.util
import os
import site
import sys

BOUNDARY = "_FALAJ_BOUNDARY"
"""Names the program of a `Boundary`, if the region has one."""


def meet(program: str) -> None:
    """Call `main` of a program, before anything else is imported."""
    spec = importlib.util.spec_from_file_location(BOUNDARY, program)
    if spec is None or spec.loader is None:
        raise ImportError(program)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main()


if __name__ == "__main__":
    site.setquit()
    site.setcopyright()
    site.sethelper()
    if program := os.environ.pop(BOUNDARY, None):  # noqa: TID251 - not a setting of Falaj's
        meet(program)
    from awslambdaric.__main__ import main  # type: ignore[import-untyped]

    main(sys.argv)
