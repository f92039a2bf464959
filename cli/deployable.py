"""The stacks as `cdk deploy` would send them: for Lambda, with the access that was configured."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from cli.settings import Settings
from falaj.contract import ENV_PROFILE
from falaj.errors import ConfigurationError

REFUSED = "refused: "


def synthesize_for_lambda(settings: Settings) -> Path:
    """Write the deployable stacks of a profile into `.build/audit/<profile>` and return it.

    What the policies refuse is written nevertheless, so that an audit can say everything about it.

    Raises:
        ConfigurationError: Nothing was written; the app's own words.
    """
    output = settings.build / "audit" / settings.profile
    shutil.rmtree(output, ignore_errors=True)
    done = subprocess.run(  # noqa: S603 - this repository's own app
        [sys.executable, "app.py", "-c", "falaj:platform=lambda", "--output", str(output)],
        cwd=settings.root,
        env={
            **os.environ,  # noqa: TID251 - handed on whole to a child, not read
            ENV_PROFILE: settings.profile,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if not (output / "manifest.json").is_file():
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        refused = [line.removeprefix(REFUSED) for line in said if line.startswith(REFUSED)]
        raise ConfigurationError(refused or said[-1:] or ["synthesis said nothing"])
    return output
