"""The protocol's paths, as one table."""

from functools import lru_cache
from typing import Final, NamedTuple

from falaj.errors import FalajError, MethodNotAllowedError

GET: Final = "GET"
POST: Final = "POST"

SERVER_ROUTES: Final = {
    ("v2",): (GET, "server_metadata"),
    ("v2", "health", "live"): (GET, "server_live"),
    ("v2", "health", "ready"): (GET, "server_ready"),
    ("v2", "models", "stats"): (GET, "statistics"),
    ("v2", "repository", "index"): (POST, "repository_index"),
}

MODEL_ROUTES: Final = {
    "": (GET, "model_metadata"),
    "ready": (GET, "model_ready"),
    "config": (GET, "model_config"),
    "stats": (GET, "statistics"),
    "infer": (POST, "infer"),
}
"""What may follow `/v2/models/{name}` or `/v2/models/{name}/versions/{version}`."""

_VERSIONED: Final = 5  # v2, models, {name}, versions, {version}
_UNVERSIONED: Final = 3


class Target(NamedTuple):
    """What a request asks for."""

    operation: str
    model: str = ""
    version: str = ""


@lru_cache(maxsize=256)
def target_of(method: str, path: str) -> Target:
    """Find what a method and path ask for.

    Raises:
        UnknownRouteError: The protocol has no such path.
        UnsupportedExtensionError: An extension has it that is not served.
        ImmutableRepositoryError: It would change what is served.
        MethodNotAllowedError: The path takes another method.

    Example:
        >>> target_of("POST", "/v2/models/tashkeel/versions/3/infer")
        Target(operation='infer', model='tashkeel', version='3')
    """
    parts = path.strip("/").split("/")
    if (found := SERVER_ROUTES.get(tuple(parts))) is not None:
        return Target(allowed(method, *found))
    if parts[:2] != ["v2", "models"]:
        raise _absent(path)
    held = _VERSIONED if parts[_UNVERSIONED : _UNVERSIONED + 1] == ["versions"] else _UNVERSIONED
    rest = parts[held:]
    found = MODEL_ROUTES.get(rest[0] if rest else "")
    if len(parts) < held or len(rest) > 1 or found is None or rest == [""]:
        raise _absent(path)
    version = parts[_VERSIONED - 1] if held == _VERSIONED else ""
    return Target(allowed(method, *found), _unquoted(parts[2]), _unquoted(version))


def _absent(path: str) -> FalajError:
    from falaj.http.absent import absent  # noqa: PLC0415 - a cold start does without

    return absent(path)


def _unquoted(segment: str) -> str:
    if "%" not in segment:
        return segment
    from urllib.parse import unquote  # noqa: PLC0415 - names are DNS labels: a cold start does without

    return unquote(segment)


def allowed(method: str, expected: str, operation: str = "") -> str:
    """Return an operation if this method asks for it.

    Raises:
        MethodNotAllowedError: Another one does.
    """
    if method != expected and not (method == "HEAD" and expected == GET):
        raise MethodNotAllowedError(method, expected)
    return operation
