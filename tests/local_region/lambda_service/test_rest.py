# ruff: noqa: ASYNC110 - waits for what another process or thread does
"""An unmodified boto3 client works against the local Lambda API."""

import asyncio
import base64
import io
import json
import threading
import zipfile
from collections.abc import Iterator

import boto3
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError

from local_region.lambda_service.rest import RestApi

ROLE = "arn:aws:iam::000000000000:role/r"


@pytest.fixture
def client(lab) -> Iterator[object]:
    """A boto3 client of a served Lambda API."""
    started, loop_of = threading.Event(), {}

    async def serve():
        async with lab.running() as service:
            server = uvicorn.Server(
                uvicorn.Config(
                    asgi_app(RestApi(service)),
                    host="127.0.0.1",
                    port=0,
                    log_level="error",
                    lifespan="off",
                )
            )
            task = asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.01)
            loop_of["port"] = server.servers[0].sockets[0].getsockname()[1]
            loop_of["server"] = server
            started.set()
            await task

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(20)
    made = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{loop_of['port']}",
        region_name="me-central-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 0}),
    )
    try:
        yield made
    finally:
        made.close()
        loop_of["server"].should_exit = True
        thread.join(20)


def asgi_app(api: RestApi):
    """Give uvicorn the API."""

    async def app(scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        status, headers, content = await api.handle(
            scope["method"],
            scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body,
        )
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        pairs.append((b"content-length", str(len(content)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": content})

    return app


def zipped(source: str) -> bytes:
    """Return a deployment package."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler.py", source)
    return buffer.getvalue()


def test_release_life_through_boto3(client):
    """Create, publish, alias, shift, invoke, provision and delete, in shapes boto3 parses."""
    source = "import os\ndef handler(e, c):\n    print('seen')\n    return os.environ['STAGE']\n"
    created = client.create_function(
        FunctionName="f",
        Role=ROLE,
        Runtime="python3.11",
        Handler="handler.handler",
        Code={"ZipFile": zipped(source)},
        Environment={"Variables": {"STAGE": "one"}},
        Publish=True,
    )
    client.update_function_configuration(
        FunctionName="f", Environment={"Variables": {"STAGE": "two"}}
    )
    second = client.publish_version(FunctionName="f", Description="next")
    alias = client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    shifted = client.update_alias(
        FunctionName="f",
        Name="live",
        RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}},
        RevisionId=alias["RevisionId"],
    )
    answer = client.invoke(FunctionName=shifted["AliasArn"], LogType="Tail", Payload=b"{}")
    assert (created["Version"], second["Version"], second["Description"]) == ("1", "2", "next")
    assert (answer["ExecutedVersion"], json.load(answer["Payload"])) == ("2", "two")
    assert "seen\nEND" in base64.b64decode(answer["LogResult"]).decode()
    client.put_provisioned_concurrency_config(
        FunctionName="f", Qualifier="2", ProvisionedConcurrentExecutions=1
    )
    configs = client.list_provisioned_concurrency_configs(FunctionName="f")
    assert [one["FunctionArn"][-2:] for one in configs["ProvisionedConcurrencyConfigs"]] == [":2"]
    client.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="2")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=2)
    got = client.get_function(FunctionName="f")
    assert got["Concurrency"] == {"ReservedConcurrentExecutions": 2}
    listed = client.list_versions_by_function(FunctionName="f")["Versions"]
    assert [version["Version"] for version in listed] == ["$LATEST", "1", "2"]
    client.delete_alias(FunctionName="f", Name="live")
    client.delete_function(FunctionName="f", Qualifier="1")
    client.delete_function(FunctionName="f")
    assert client.list_functions()["Functions"] == []


def test_refusals_become_boto3s_exceptions(client):
    """Typed exceptions, the throttle's reason and the function error header come through."""
    client.create_function(
        FunctionName="f",
        Role=ROLE,
        Runtime="python3.11",
        Handler="handler.handler",
        Code={"ZipFile": zipped("def handler(e, c):\n    raise ValueError\n")},
    )
    alias = client.create_alias(FunctionName="f", Name="live", FunctionVersion="$LATEST")
    with pytest.raises(client.exceptions.PreconditionFailedException):
        client.update_alias(FunctionName="f", Name="live", RevisionId="stale")
    with pytest.raises(client.exceptions.ResourceConflictException):
        client.create_alias(FunctionName="f", Name="live", FunctionVersion="$LATEST")
    with pytest.raises(ClientError, match="ValidationException"):
        client.create_alias(FunctionName="f", Name="1", FunctionVersion="$LATEST")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="g")
    assert client.invoke(FunctionName=alias["AliasArn"])["FunctionError"] == "Unhandled"
    assert client.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204
    assert client.invoke(FunctionName="f", InvocationType="Event")["StatusCode"] == 202
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException) as throttled:
        client.invoke(FunctionName="f")
    assert throttled.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_missing_member_is_named(lab):
    """A hand-written request without a required member is told which."""

    async def act(service):
        service.create_function(lab.settings())
        return await RestApi(service).handle(
            "POST", "/2015-03-31/functions/f/aliases", "", {}, b'{"Name": "live"}'
        )

    status, headers, body = lab.run(act)
    assert (status, headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert b"'FunctionVersion' failed to satisfy constraint: Member must not be null" in body


def test_unknown_operation_names_itself(lab):
    """A call the local API does not know is an error, never a silent success."""

    async def act(service):
        return await RestApi(service).handle("GET", "/2018-10-31/layers", "", {}, b"")

    status, headers, body = lab.run(act)
    assert (status, headers["x-amzn-errortype"]) == (404, "UnknownOperationException")
    assert b"GET /2018-10-31/layers" in body
