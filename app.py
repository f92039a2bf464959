"""The CDK application: `npx aws-cdk@2.1148.1 synth`, or `python app.py` for the local region."""

import gc
import os
import sys
from pathlib import Path

# A process of a few seconds: nothing that it lets go of is worth looking for.
gc.disable()

from infra.main import main  # noqa: E402 - loading the CDK is a good part of it

if __name__ == "__main__":
    environment = os.environ  # noqa: TID251 - the CDK CLI's way to speak to an application
    sys.exit(main(Path(__file__).parent, sys.argv[1:], environment))
