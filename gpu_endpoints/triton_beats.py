"""The command that runs beside Triton and tells its metrics."""

import sys

from falaj.entrypoints.triton_beats import main

if __name__ == "__main__":
    sys.exit(main())
