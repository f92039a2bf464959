"""The path that a caller asked for, without what API Gateway puts in front of it."""

from typing import Final

DEFAULT_STAGE: Final = "$default"

_ROOT: Final = "/v2"
_ROOTS: Final = (_ROOT, "/experiments")


def without_stage(path: str, stage: object) -> str:
    """Take off the stage, and the base path of a custom domain, in front of the protocol's root.

    Example:
        >>> without_stage("/live/experiments/m", "live"), without_stage("/api/v2/models/m", "")
        ('/experiments/m', '/v2/models/m')
    """
    if isinstance(stage, str) and stage != DEFAULT_STAGE:
        for root in _ROOTS:
            if path.startswith(f"/{stage}{root}"):
                return path[len(stage) + 1 :]
    if path.startswith(_ROOT):
        return path
    before, root, after = path.partition(f"{_ROOT}/")
    return f"{root}{after}" if root and before.count("/") == 1 else path
