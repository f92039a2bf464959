"""The command that puts a replica's models in place."""

import sys

from falaj.entrypoints.fetch import main

if __name__ == "__main__":
    sys.exit(main())
