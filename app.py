"""The CDK application: `npx aws-cdk@2.1148.1 synth`, or `python app.py` for the local region."""

import sys
from pathlib import Path

from infra.main import main

if __name__ == "__main__":
    sys.exit(main(Path(__file__).parent, sys.argv[1:]))
