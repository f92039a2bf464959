"""The command that stands before Triton: it asks who calls, counts, records and passes on."""

import sys

from falaj.entrypoints.triton_gate import main

if __name__ == "__main__":
    sys.exit(main())
