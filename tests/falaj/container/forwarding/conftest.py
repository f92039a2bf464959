"""A gate before a server that speaks the protocol: our own container, and NVIDIA's."""

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager

import boto3
import pytest
import uv
from moto.server import ThreadedMotoServer

from catalogue.triton_server import server_command
from falaj.aws.capture_keys import CaptureKeys
from falaj.contract import CAPTURE_KEYS_ROOT, KEYS_PARAMETER, QUOTAS_PARAMETER, TABLE_KEY
from local_region.issuer import LocalIssuer
from tests.falaj.container.conftest import ROOT, running
from tests.falaj.container.test_gate import ACCESS, LIMITS, REGION

TABLE = "counted-before-triton"
DIGESTS = {"1": "a" * 64, "2": "b" * 64}
WHEEL = "nvidia-pytriton==0.7.0"
"""Carries NVIDIA's own tritonserver, 2.51, with its Python backend."""


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    """A throw-away key."""
    return LocalIssuer.open(tmp_path_factory.mktemp("issuer"))


@pytest.fixture(scope="module")
def region(issuer):
    """AWS with the issuer's keys, tenants' limits and their table, and a tenant's key."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    around = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "task",
        "AWS_SECRET_ACCESS_KEY": "task",
    }
    made = {
        "endpoint_url": around["AWS_ENDPOINT_URL"],
        "region_name": REGION,
        "aws_access_key_id": "task",
        "aws_secret_access_key": "task",
    }
    dynamodb = boto3.client("dynamodb", **made)
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": TABLE_KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": TABLE_KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    ssm = boto3.client("ssm", **made)
    written = {
        QUOTAS_PARAMETER: json.dumps({"table": TABLE, "limits": LIMITS}),
        KEYS_PARAMETER: issuer.key_set,
    }
    for name, value in written.items():
        ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    keys = CaptureKeys(ssm, CAPTURE_KEYS_ROOT)
    asked = {
        "FALAJ_ACCESS": json.dumps(ACCESS),
        "FALAJ_QUOTAS": "rate",
        "FALAJ_RANKS": "tenants",
        "FALAJ_CAPTURE": CAPTURE_KEYS_ROOT,
    }
    yield around | asked, keys.rotate("acme")
    # Other files' servers of this process have the same memory.
    ssm.delete_parameters(Names=list(written))
    keys.destroy("acme")
    dynamodb.delete_table(TableName=TABLE)
    server.stop()


@contextmanager
def gated(folder, http, grpc, **environment):
    """A gate before whoever answers at these addresses."""
    told = {
        "FALAJ_MODEL_NAME": "rows",
        "FALAJ_MODEL_VERSION": "2",
        "FALAJ_DIGESTS": ",".join(f"{version}={digest}" for version, digest in DIGESTS.items()),
        "FALAJ_ENDPOINT": f"http://{http}",
        "FALAJ_GRPC_ENDPOINT": grpc,
        "FALAJ_DRAIN_S": "5",
        **environment,
    }
    with running(folder, folder, module="gpu_endpoints.gate", **told) as started:
        yield started


@pytest.fixture(scope="module")
def gate(region, container, tmp_path_factory):
    """A gate that asks, counts and records, before our own container, which does nothing of it."""
    folder = tmp_path_factory.mktemp("gate")
    with gated(folder, container.http, container.grpc, **region[0]) as started:
        yield started


# ------------------------------------------------------------------- Triton's own
MODEL = """
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [
            pb_utils.InferenceResponse(
                [
                    pb_utils.Tensor.from_dlpack(
                        "y", pb_utils.get_input_tensor_by_name(one, "x").to_dlpack()
                    )
                ]
            )
            for one in requests
        ]
"""
CONFIG = """
name: "rows"
backend: "python"
max_batch_size: 8
version_policy { all {} }
input [ { name: "x" data_type: TYPE_FP32 dims: [ -1 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ -1 ] } ]
dynamic_batching {}
"""


def tritonserver():
    """Install the wheel with NVIDIA's server once for this checkout; None and why if it is not."""
    folder = ROOT / ".build" / "tritonserver"
    if not folder.is_dir():
        made = folder.with_name(f"tritonserver.{os.getpid()}")
        tool = [uv.find_uv_bin(), "pip", "install", "-q", "--no-deps", "--python", sys.executable]
        done = subprocess.run(
            [*tool, "--target", made, WHEEL], capture_output=True, text=True, check=False
        )
        if done.returncode:
            shutil.rmtree(made, ignore_errors=True)
            return None, done.stderr
        try:
            made.rename(folder)
        except OSError:  # somebody else was quicker
            shutil.rmtree(made)
    return folder, ""


def free_ports(count):
    """Ports nobody uses."""
    with ExitStack() as held:
        servers = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in servers]


@pytest.fixture(scope="module")
def triton_command(tmp_path_factory):
    """How NVIDIA's server is started on a model that answers what it is given; its environment."""
    installed, why = tritonserver()
    if installed is None:
        pytest.skip(f"NVIDIA's server cannot be had here: {why[-300:]}")
    own = installed / "pytriton" / "tritonserver"
    folder = tmp_path_factory.mktemp("tritonserver")
    backend = folder / "backends" / "python"
    backend.mkdir(parents=True)
    stub = own / "python_backend_stubs" / f"3.{sys.version_info.minor}"
    for file in (*(own / "backends/python").iterdir(), stub / "triton_python_backend_stub"):
        shutil.copy(file, backend)
    for version in DIGESTS:
        model = folder / "models" / "rows" / version / "model.py"
        model.parent.mkdir(parents=True)
        model.write_text(MODEL)
    (folder / "models" / "rows" / "config.pbtxt").write_text(CONFIG)
    libraries = (sysconfig.get_config_var("LIBDIR"), installed / "nvidia_pytriton.libs")
    environment = {
        "PATH": os.environ["PATH"],
        "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
        "PYTHONHOME": sys.base_prefix,
        "PYTHONPATH": sysconfig.get_path("purelib"),
    }
    command = [
        str(own / "bin" / "tritonserver"),
        f"--model-repository={folder / 'models'}",
        f"--backend-directory={folder / 'backends'}",
    ]
    return command, environment, folder


class Triton:
    """NVIDIA's server while it runs."""

    def __init__(self, process, http, grpc, metrics):
        self.process, self.ports = process, (http, grpc, metrics)
        self.http, self.grpc = f"127.0.0.1:{http}", f"127.0.0.1:{grpc}"


@pytest.fixture(scope="module")
def triton(triton_command):
    """NVIDIA's server as the task starts it: its own command, other ports and folders."""
    (program, *own), environment, folder = triton_command
    log = folder / "log"
    for _ in range(3):  # a port may be taken between looking and binding
        http, grpc, metrics = free_ports(3)
        given = server_command(http_port=http, grpc_port=grpc, metrics_port=metrics)
        with log.open("wb") as written:
            process = subprocess.Popen(
                [program, *own, *given], env=environment, stdout=written, stderr=written
            )
        if is_ready(process, http) and all(is_open(process, port) for port in (grpc, metrics)):
            break
        process.kill()
        process.wait()
    else:
        pytest.fail(f"NVIDIA's server did not start:\n{log.read_text()[-3000:]}")
    try:
        yield Triton(process, http, grpc, metrics)
    finally:
        process.kill()
        process.wait()


def is_ready(process, port):
    """Wait until a server says it is ready; False if it ends before, or takes two minutes."""
    for _ in range(2400):
        if process.poll() is not None:
            return False
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=10):
                return True
        except (OSError, urllib.error.URLError):
            time.sleep(0.05)
    return False


def is_open(process, port):
    """Wait until a port takes connections: Triton opens that of its metrics last."""
    for _ in range(2400):
        if process.poll() is not None:
            return False
        try:
            socket.create_connection(("127.0.0.1", port), 10).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


@pytest.fixture(scope="module")
def triton_gate(region, triton, tmp_path_factory):
    """A gate that asks, counts and records, before NVIDIA's server."""
    folder = tmp_path_factory.mktemp("triton-gate")
    with gated(folder, triton.http, triton.grpc, **region[0]) as started:
        yield started
