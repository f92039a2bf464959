"""What /var/runtime/bootstrap is on Lambda: the first file a function process runs.

The interpreter starts with `-P -S -B`: no site packages of the machine, no bytecode written beside
the code. `site` is therefore asked here for the builtins (`exit`, `quit`) that handlers may use.
"""

import site
import sys

from awslambdaric.__main__ import main  # type: ignore[import-untyped]

if __name__ == "__main__":
    site.setquit()
    site.setcopyright()
    site.sethelper()
    main(sys.argv)
