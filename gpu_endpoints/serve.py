"""The container's command."""

import sys

from falaj.entrypoints.container import main

if __name__ == "__main__":
    sys.exit(main())
