"""AWS credentials for this machine: throw-away, and good for the local API only."""

import json
import os
import secrets
from pathlib import Path
from typing import Final, NamedTuple, Self

_FILE: Final = "credentials.json"
_ID_DIGITS: Final = 16


class LocalCredentials(NamedTuple):
    """An access key and its secret."""

    access_key: str
    secret_key: str

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read this machine's credentials, or make them.

        Args:
            folder: Where the local issuer keeps its key, too.
        """
        path = folder / _FILE
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            made = {
                "access_key": f"AKIA{secrets.token_hex(_ID_DIGITS // 2).upper()}",
                "secret_key": secrets.token_urlsafe(30),
            }
            partial = folder / f"{_FILE}.{os.getpid()}"
            mode = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with os.fdopen(os.open(partial, mode, 0o600), "w", encoding="utf-8") as file:
                json.dump(made, file)
            # Whoever links first has made them; everyone else takes theirs.
            try:
                os.link(partial, path)
            except FileExistsError:
                pass
            finally:
                partial.unlink()
        return cls(**json.loads(path.read_text(encoding="utf-8")))
