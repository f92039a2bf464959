"""The CDK application: `npx aws-cdk@2.1148.1 synth`, or `python app.py` for the local region."""

import os
import sys
from pathlib import Path

from infra.main import main

if __name__ == "__main__":
    environment = os.environ  # noqa: TID251 - the CDK CLI's way to speak to an application
    sys.exit(main(Path(__file__).parent, sys.argv[1:], environment))
