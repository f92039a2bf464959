"""The same handlers, side by side with AWS's own Runtime Interface Emulator.

The emulator's binary is in the PyPI wheel aws-sam-cli; it is fetched once into `.build/wheels`.
"""

import json
import os
import platform
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

WHEELS = Path(__file__).parents[3] / ".build" / "wheels"
PIN = "aws-sam-cli==1.170.0"
MACHINE = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine())
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
FOLDER = re.compile(r'(File \\")[^"]*(?=/handler\.py)')

CASES = {
    "success": "def handler(e, c):\n    return {'got': e}\n",
    "nothing": "def handler(e, c):\n    pass\n",
    "unicode": "def handler(e, c):\n    return 'مرحبا \\U0001f30a ' + e['word']\n",
    "bytes": "def handler(e, c):\n    return b'x'\n",
    "raises": "def handler(e, c):\n    raise KeyError('missing')\n",
    "not serializable": "def handler(e, c):\n    return object()\n",
    "import error": "import nowhere\n",
    "syntax error": "def handler(:\n",
    "raises on import": "raise RuntimeError('at import')\n",
    "missing handler": "def other(e, c):\n    pass\n",
    "exit 0": "import sys\ndef handler(e, c):\n    sys.exit(0)\n",
    "exit 3": "import sys\ndef handler(e, c):\n    sys.exit(3)\n",
    "killed": "import os\ndef handler(e, c):\n    os.kill(os.getpid(), 9)\n",
    "exit on import": "import sys\nsys.exit(2)\n",
    "largest response": "def handler(e, c):\n    return 'x' * 6291554\n",
    "response too large": "def handler(e, c):\n    return 'x' * 6291555\n",
    "timeout": "import time\ndef handler(e, c):\n    time.sleep(30)\n",
}

# Case: what the emulator answers, and what the service itself answered on record.
DIFFERENCES = {
    # localstack's test_lambda.snapshot.json, test_lambda_runtime_exit
    "exit on import": (
        "",
        {
            "errorType": "Runtime.ExitError",
            "errorMessage": "RequestId: <id> Error: Runtime exited with error: exit status 2",
        },
    ),
    # localstack's test_lambda.snapshot.json, test_lambda_invoke_with_timeout
    "timeout": (
        "Task timed out after 1.00 seconds",
        {
            "errorType": "Sandbox.Timedout",
            "errorMessage": "RequestId: <id> Error: Task timed out after 1.00 seconds",
        },
    ),
}
"""Where the emulator departs from the service; ours follows the service."""


@pytest.fixture(scope="session")
def emulator(tmp_path_factory) -> Path:
    """The emulator's binary."""
    if sys.platform != "linux" or MACHINE is None:
        pytest.skip("AWS builds the emulator for Linux on x86_64 and arm64 only")
    if not list(WHEELS.glob("aws_sam_cli-1.170.0-*.whl")):
        WHEELS.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", WHEELS, PIN]
        subprocess.run(command, check=True, capture_output=True)
    (wheel,) = WHEELS.glob("aws_sam_cli-1.170.0-*.whl")
    binary = tmp_path_factory.mktemp("rie") / "aws-lambda-rie"
    with zipfile.ZipFile(wheel) as archive:
        binary.write_bytes(archive.read(f"samcli/local/rapid/aws-lambda-rie-{MACHINE}"))
    binary.chmod(0o755)
    return binary


def emulated(emulator: Path, lab, code: Path, payload: bytes, timeout_s: int = 60) -> bytes:
    """Return what the emulator answers for this code."""
    ports = [free_port() for _ in range(2)]
    bootstrap = Path(sys.modules["local_region.lambda_service.environment"].__file__)
    command = [
        emulator,
        "--runtime-interface-emulator-address",
        f"127.0.0.1:{ports[0]}",
        "--runtime-api-address",
        f"127.0.0.1:{ports[1]}",
        lab.runtime.interpreter,
        "-P",
        "-S",
        "-B",
        bootstrap.with_name("bootstrap.py"),
        "handler.handler",
    ]
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": f"{code}:{lab.runtime.runtime}",
        "LAMBDA_TASK_ROOT": str(code),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_s),
    }
    process = subprocess.Popen(
        command,
        cwd=code,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{ports[0]}/2015-03-31/functions/function/invocations"
        for _ in range(3000):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", ports[0])) == 0:
                    break
            time.sleep(0.02)
        try:
            with urllib.request.urlopen(url, payload, timeout=90) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.read()
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def comparable(payload: bytes) -> object:
    """Return a payload without what differs between any two invocations."""
    text = FOLDER.sub(r"\1", UUID.sub("<id>", payload.decode()))
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


@pytest.mark.parametrize("case", CASES)
def test_answer_is_the_emulators(emulator, lab, case):
    """A handler gets the same answer here as from AWS's emulator, or it is on record."""
    payload = json.dumps({"word": "سلام"}).encode()
    # Only what shall time out gets little time: the emulator counts what a busy machine takes.
    timeout_s = 1 if case == "timeout" else 60
    settings = lab.settings(CASES[case], timeout_s=timeout_s)

    async def act(service):
        service.create_function(settings)
        return (await service.invoke("f", None, payload)).payload

    ours = comparable(lab.run(act))
    theirs = comparable(emulated(emulator, lab, settings.code_folder, payload, timeout_s))
    assert (theirs, ours) == DIFFERENCES.get(case, (ours, theirs))
