"""The environment variables Lambda gives a function process."""

import os
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from local_region.lambda_service.bootstrap import BOUNDARY
from local_region.lambda_service.runtime_folders import RuntimeFolders
from local_region.lambda_service.values import Boundary, VersionView

InitializationType = Literal["on-demand", "provisioned-concurrency"]

# Fake on purpose: local services take any. The keys are AWS's own documentation examples.
_ACCESS_KEY: Final = "AKIAIOSFODNN7EXAMPLE"
_SECRET_KEY: Final = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105 - AWS's example
_TOKEN: Final = "local"  # noqa: S105 - no secret


def process_variables(
    version: VersionView,
    folders: RuntimeFolders,
    *,
    region: str,
    identity: str,
    scratch: Path,
    started: datetime,
    initialization: InitializationType,
    endpoint_url: str | None,
    boundary: Boundary | None = None,
) -> dict[str, str]:
    """Return a process's environment: the function's variables, and Lambda's over them.

    /var/task, /opt, /var/runtime and /tmp are elsewhere here; handlers go by `LAMBDA_TASK_ROOT`,
    `LAMBDA_RUNTIME_DIR`, `TMPDIR` and `sys.path`, whose order is Lambda's: code, layers, runtime,
    standard library.

    Source:
        docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html and
        docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html, read 2026-11-22.
    """
    settings = version.settings
    task, opt = settings.code_folder, version.opt_folder
    own_path = settings.environment.get("PYTHONPATH")
    path = [task, *_layer_paths(opt), folders.runtime, *([Path(own_path)] if own_path else [])]
    stream = f"{started:%Y/%m/%d}/[{version.version}]{identity}"
    fixed = {
        "_HANDLER": settings.handler,
        "AWS_ACCESS_KEY_ID": _ACCESS_KEY,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{settings.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings.memory_mib),
        "AWS_LAMBDA_FUNCTION_NAME": settings.name,
        "AWS_LAMBDA_FUNCTION_VERSION": version.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": initialization,
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{settings.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_REGION": region,
        "AWS_SECRET_ACCESS_KEY": _SECRET_KEY,
        "AWS_SESSION_TOKEN": _TOKEN,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "LAMBDA_RUNTIME_DIR": str(folders.runtime),
        "LAMBDA_TASK_ROOT": str(task),
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": _joined(task, task / "lib", opt / "lib"),
        "PATH": _joined(Path("/usr/local/bin"), Path("/usr/bin"), Path("/bin"), opt / "bin"),
        "PYTHONPATH": _joined(*path),
        "TMPDIR": str(scratch),
        "TZ": ":UTC",
    }
    if endpoint_url is not None:
        fixed["AWS_ENDPOINT_URL"] = endpoint_url
    if boundary is not None:
        fixed |= {BOUNDARY: str(boundary.program), **boundary.variables}
    return {**settings.environment, **fixed}


def _layer_paths(opt: Path) -> list[Path]:
    """Return where a layer's Python may lie, most specific first."""
    places = [*sorted((opt / "python" / "lib").glob("python3.*/site-packages")), opt / "python"]
    return [place for place in places if place.is_dir()]


def _joined(*places: Path) -> str:
    return os.pathsep.join(map(str, places))
