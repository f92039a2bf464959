"""What the environment says about `falaj`, read here and nowhere else in this package."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cli.failures import MisuseError
from falaj.contract import ENV_GRPC_PORT, ENV_PROFILE, GRPC_PORT

ENV_PORT: Final = "FALAJ_PORT"
ENV_AWS_PORT: Final = "FALAJ_AWS_PORT"
ENV_URL: Final = "FALAJ_URL"
ENV_TOKEN: Final = "FALAJ_TOKEN"  # noqa: S105 - the name of a variable
PROFILES: Final = ("smb", "enterprise")
ACCESSES: Final = ("open", "jwt", "iam")
_USUAL_ACCESS: Final = {"smb": "open", "enterprise": "jwt"}
"""A newcomer's `curl` works as it is; a bank's rehearsal refuses what AWS would."""
HIGHEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the repository lies and at which ports the local region listens.

    Attributes:
        root: The repository: the folder that holds `app.py` and `models/`.
        api_port: Port of the API (`FALAJ_PORT`); 0 lets the system choose.
        aws_port: Port of the AWS services (`FALAJ_AWS_PORT`); 0 lets the system choose.
        grpc_port: Port of the first container's gRPC (`FALAJ_GRPC_PORT`); 0 lets the system choose.
        profile: `smb` or `enterprise` (`FALAJ_PROFILE`).
        url: The API that `falaj infer` calls (`FALAJ_URL`); the local region's by default.
        asked: What the local API asks of callers; empty for what the profile usually asks.
        tenants: File of tenants' limits, below the repository; empty for none.
        token: What `falaj infer` shows (`FALAJ_TOKEN`); empty for nothing.
    """

    root: Path
    api_port: int = 8080
    aws_port: int = 4566
    grpc_port: int = GRPC_PORT
    profile: str = "smb"
    url: str = ""
    asked: str = ""
    tenants: str = ""
    token: str = ""

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise MisuseError(f"{ENV_PROFILE}={self.profile!r} is not one of {', '.join(PROFILES)}")
        if self.asked and self.asked not in ACCESSES:
            raise MisuseError(f"--access {self.asked!r} is not one of {', '.join(ACCESSES)}")
        if not self.url:
            object.__setattr__(self, "url", f"http://127.0.0.1:{self.api_port}")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the settings.

        Args:
            environ: The environment; the process's own if not given.

        Raises:
            MisuseError: A variable holds something that is not its kind of value.
        """
        env = os.environ if environ is None else environ  # noqa: TID251 - the one place
        return cls(
            root=find_root(Path.cwd()),
            api_port=_port(env, ENV_PORT, 8080),
            aws_port=_port(env, ENV_AWS_PORT, 4566),
            grpc_port=_port(env, ENV_GRPC_PORT, GRPC_PORT),
            profile=env.get(ENV_PROFILE) or "smb",
            url=(env.get(ENV_URL) or "").rstrip("/"),
            token=(env.get(ENV_TOKEN) or "").strip(),
        )

    @property
    def access(self) -> str:
        """What the local API asks of callers."""
        return self.asked or _USUAL_ACCESS[self.profile]

    @property
    def models(self) -> Path:
        """The catalogue's folder."""
        return self.root / "models"

    @property
    def build(self) -> Path:
        """Where whatever can be made again lies."""
        return self.root / ".build"

    @property
    def built_models(self) -> Path:
        """Where `falaj models build` leaves `<name>/<version>/`."""
        return self.build / "models"

    @property
    def cdk_out(self) -> Path:
        """The synthesized stacks."""
        return self.root / "cdk.out"


def find_root(start: Path) -> Path:
    """Return the repository around a folder; the one this command was installed from if none is."""
    for folder in (start, *start.parents):
        if (folder / "app.py").is_file() and (folder / "models").is_dir():
            return folder
    return Path(__file__).resolve().parent.parent


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or int(text) > HIGHEST_PORT:
        raise MisuseError(f"{name}={text!r} is not a port (0 to {HIGHEST_PORT})")
    return int(text)
