"""Promise: what the templates say runs, answers and updates; what they cannot mean is refused."""

import asyncio
import fcntl
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import termios
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from local_region.assembly import Assembly as ReadAssembly
from local_region.errors import (
    AssemblyError,
    PortInUseError,
    TemplateError,
    UnenforceableSecurityError,
)
from local_region.progress import NotPermitted, ParameterChanged, Ready
from tests.local_region.handwritten import (
    ECHO,
    Assembly,
    function,
    http_api,
    integration,
    rest_api,
)

ALIAS = "/falaj/models/m/alias-arn"
ROLE = {"Role": {"Type": "AWS::IAM::Role", "Properties": {}}}
ALIAS_PARAMETER = {
    "Type": "AWS::SSM::Parameter",
    "Properties": {"Name": ALIAS, "Type": "String", "Value": {"Ref": "Live"}},
}
READS_ALIAS = {"AliasArn": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": ALIAS}}
PATHS = {
    "/v2/models/m": integration({"Ref": "AliasArn"}),
    "/v2/models/m/{proxy+}": integration({"Ref": "AliasArn"}),
    "/short/{proxy+}": integration({"Ref": "AliasArn"}, timeout_ms=500),
    "/closed": integration({"Ref": "AliasArn"}, credentials=False),
}
BYTES = {"x-amazon-apigateway-binary-media-types": ["*/*"]}


def write(folder, *, api=http_api, version="V1", source=ECHO, answer="one"):
    """A model behind an API: two stacks that share one SSM parameter."""
    assembly = Assembly(folder)
    environment = {"Variables": {"ANSWER": answer}}
    assembly.stack(
        "Model",
        {
            **function(assembly.code(source), version=version, Environment=environment),
            "AliasArn": ALIAS_PARAMETER,
        },
    )
    assembly.stack("Api", {**ROLE, **api(PATHS)}, after=["Model"], Parameters=READS_ALIAS)
    return folder


@pytest.fixture(scope="module")
def http_region(open_region, tmp_path_factory):
    """The `smb` shape: an HTTP API."""
    return open_region(write(tmp_path_factory.mktemp("http")))


@pytest.fixture(scope="module")
def rest_region(open_region, tmp_path_factory):
    """The `enterprise` shape: a REST API that takes every body as bytes."""
    return open_region(
        write(tmp_path_factory.mktemp("rest"), api=lambda paths: rest_api(paths, **BYTES))
    )


def test_function_answers_through_the_alias(http_region):
    """A route leads over the alias to the version, and both say which it was."""
    status, headers, _ = http_region.request("/v2/models/m/infer?x=1")

    assert (status, headers["x-falaj-release"], headers["x-amz-executed-version"]) == (
        200,
        "1",
        "1",
    )


def test_event_arrives_in_format_2(http_region):
    """The function sees an HTTP API's event."""
    event = http_region.json("/v2/models/m/a/b?x=1")["event"]

    assert (event["version"], event["routeKey"], event["pathParameters"]) == (
        "2.0",
        "ANY /v2/models/m/{proxy+}",
        {"proxy": "a/b"},
    )


@pytest.mark.parametrize("prefix", ["", "/prod"])
def test_event_arrives_in_format_1(rest_region, prefix):
    """The function sees a REST API's event, below the stage and at the root."""
    event = rest_region.json(f"{prefix}/v2/models/m/a")["event"]

    assert (event["resource"], event["path"], event["requestContext"]["stage"]) == (
        "/v2/models/m/{proxy+}",
        "/v2/models/m/a",
        "prod",
    )


@pytest.mark.parametrize("region", ["http_region", "rest_region"])
def test_compressed_body_passes_through(region, request):
    """The gateway does not touch what a client compressed."""
    sent = gzip.compress(b'{"inputs": []}')
    asked = {"content-type": "application/json", "content-encoding": "gzip"}

    event = request.getfixturevalue(region).json("/v2/models/m/infer", body=sent, headers=asked)[
        "event"
    ]

    assert event["isBase64Encoded"]


@pytest.mark.parametrize(
    ("region", "path", "status", "message"),
    [
        ("http_region", "/v2/models/m/fail", 500, "Internal Server Error"),
        ("rest_region", "/v2/models/m/fail", 502, "Internal server error"),
        ("http_region", "/v2/models/m/die", 500, "Internal Server Error"),
        ("http_region", "/v2/models/m/big", 500, "Internal Server Error"),
        ("rest_region", "/v2/models/m/big", 502, "Internal server error"),
        ("http_region", "/short/slow", 503, "Service Unavailable"),
        ("rest_region", "/short/slow", 504, "Endpoint request timed out"),
        ("http_region", "/nowhere", 404, "Not Found"),
        ("rest_region", "/nowhere", 403, "Missing Authentication Token"),
        ("http_region", "/closed", 500, "Internal Server Error"),
    ],
)
def test_failure_is_answered_as_aws_does(region, path, status, message, request):
    """Whatever goes wrong behind it, the gateway answers in its own words, and goes on."""
    running = request.getfixturevalue(region)

    got, _, body = running.request(path)

    assert (got, json.loads(body)["message"]) == (status, message)
    assert running.request("/v2/models/m/ok")[0] == 200


def test_body_over_the_limit_is_refused(http_region):
    """Ten megabytes and a byte."""
    status, _, body = http_region.request("/v2/models/m/infer", body=b"x" * (10 * 1024 * 1024 + 1))

    assert (status, json.loads(body)) == (413, {"message": "Request Entity Too Large"})


@pytest.mark.parametrize("region", ["http_region", "rest_region"])
def test_event_over_lambdas_limit_is_refused(region, request):
    """Seven megabytes pass the gateway's limit, not Lambda's six."""
    status, _, _ = request.getfixturevalue(region).request(
        "/v2/models/m/infer", body=b"x" * 7_000_000
    )

    assert status == 413


def test_region_says_what_it_serves(http_region):
    """The closing lines of `falaj up` come from the routes alone."""
    ready = [event for event in http_region.events if isinstance(event, Ready)]

    assert [(event.models, event.api_url) for event in ready] == [
        (("m",), http_region.region.api_url)
    ]


def test_route_without_permission_is_announced(http_region):
    """A route that will answer 500 on AWS is named when the region opens."""
    routes = {event.route for event in http_region.events if isinstance(event, NotPermitted)}

    assert routes == {"ANY /closed"}


def client(running, service):
    """A boto3 client as anybody would make it."""
    return boto3.client(
        service,
        endpoint_url=running.region.aws_url,
        region_name="me-central-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )


def test_boto3_invokes_the_function(http_region):
    """Lambda's own API, from an unmodified client."""
    name = client(http_region, "lambda").list_functions()["Functions"][0]["FunctionName"]

    answer = client(http_region, "lambda").invoke(
        FunctionName=name, Qualifier="live", Payload=b'{"rawPath": "/x"}'
    )

    assert (answer["ExecutedVersion"], json.loads(answer["Payload"].read())["statusCode"]) == (
        "1",
        200,
    )


def test_boto3_reads_what_a_stack_wrote(http_region):
    """The SSM parameter that holds the alias."""
    value = client(http_region, "ssm").get_parameter(Name=ALIAS)["Parameter"]["Value"]

    assert value.endswith(":live")


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("s3", lambda c: c.list_buckets()["Buckets"]),
        ("dynamodb", lambda c: c.list_tables()["TableNames"]),
        ("sns", lambda c: c.list_topics()["Topics"]),
        ("sqs", lambda c: c.list_queues().get("QueueUrls", [])),
        ("kms", lambda c: c.list_keys()["Keys"]),
        ("stepfunctions", lambda c: c.list_state_machines()["stateMachines"]),
        ("logs", lambda c: c.describe_log_groups()["logGroups"]),
    ],
)
def test_boto3_reaches_every_service(http_region, service, call):
    """One address serves them all."""
    assert call(client(http_region, service)) == []


def test_boto3_knows_its_account(http_region):
    """STS names the region's account."""
    identity = client(http_region, "sts").get_caller_identity()

    assert identity["Account"] == http_region.region.backends.account


def test_object_travels_over_the_endpoint(http_region):
    """A body of several megabytes, there and back."""
    store = client(http_region, "s3")
    store.create_bucket(
        Bucket="travels", CreateBucketConfiguration={"LocationConstraint": "me-central-1"}
    )
    content = os.urandom(3_000_000)

    store.put_object(Bucket="travels", Key="a b/ج", Body=content)

    got = store.get_object(Bucket="travels", Key="a b/ج")["Body"].read()
    store.delete_object(Bucket="travels", Key="a b/ج")
    store.delete_bucket(Bucket="travels")
    assert got == content


# ------------------------------------------------------------------ updates
def test_new_release_waits_behind_the_alias(open_region, tmp_path):
    """An update publishes version 2; the alias stays where it was until somebody moves it."""
    running = open_region(write(tmp_path / "one"))
    write(tmp_path / "two", version="V2", answer="two")

    changes = running.run(running.region.update(tmp_path / "two"))

    did = {(change.logical_id, change.action) for change in changes}
    assert did == {("Function", "update"), ("V2", "create")}
    versions = running.call(
        running.region.functions.list_versions, "Model-Function-" + tail(running)
    )
    assert [view.version for view in versions] == ["$LATEST", "1", "2"]
    assert running.json("/v2/models/m/x")["answer"] == "one"


def tail(running):
    """The generated end of the function's name."""
    (view,) = running.call(running.region.functions.list_functions)
    return view.function_name.removeprefix("Model-Function-")


def test_requests_are_answered_while_new_code_is_copied(open_region, tmp_path):
    """However much a synthesis holds, taking it in keeps nobody waiting, and so loses nobody."""
    running = open_region(write(tmp_path))
    write(tmp_path, version="V2", answer="two", source=f"{ECHO}# again\n")
    asset = max(tmp_path.glob("asset.*"), key=lambda folder: folder.stat().st_mtime_ns)
    endless = asset / "endless.py"
    os.mkfifo(endless)
    writer = os.open(endless, os.O_RDWR)
    os.write(writer, b"#")

    updating = asyncio.run_coroutine_threadsafe(running.region.update(tmp_path), running.loop)
    try:
        while unread(writer):
            time.sleep(0.01)
        answers = [running.json("/v2/models/m/x")["answer"] for _ in range(3)]
        is_still_copying = not updating.done()
    finally:
        endless.unlink()
        endless.write_text("#")
        os.close(writer)
    changes = updating.result(60)

    assert (answers, is_still_copying) == (["one"] * 3, True)
    assert {change.logical_id for change in changes} >= {"Function", "V2"}


def unread(pipe):
    """Count the bytes in a pipe that nobody has read yet."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_half_the_requests_reach_each_version(open_region, tmp_path):
    """With a weight of a half, both versions answer, each naming itself."""
    running = open_region(write(tmp_path / "one"), seed=11)
    running.run(running.region.update(write(tmp_path / "two", version="V2", answer="two")))
    name = "Model-Function-" + tail(running)
    running.call(running.region.functions.update_alias, name, "live", weights={"2": 0.5})

    answers = [
        (headers["x-falaj-release"], headers["x-amz-executed-version"], json.loads(body)["answer"])
        for _, headers, body in (running.request("/v2/models/m/x") for _ in range(60))
    ]

    assert set(answers) == {("1", "1", "one"), ("2", "2", "two")}
    assert 15 <= sum(answer[0] == "2" for answer in answers) <= 45


def test_alias_moved_by_hand_survives_an_update(open_region, tmp_path):
    """CloudFormation leaves alone what its template did not change."""
    running = open_region(write(tmp_path / "one"))
    running.run(running.region.update(write(tmp_path / "two", version="V2", answer="two")))
    name = "Model-Function-" + tail(running)
    running.call(running.region.functions.update_alias, name, "live", "2")

    running.run(running.region.update(write(tmp_path / "three", version="V3", answer="three")))

    assert running.json("/v2/models/m/x")["answer"] == "two"


def test_changed_parameter_is_announced(open_region, tmp_path):
    """What follows a parameter is told its name, once for each change."""
    written = Assembly(tmp_path / "one").stack(
        "S", {"P": parameter("1"), "Q": parameter("7", "/q")}
    )
    running = open_region(written.folder)
    running.events.clear()
    again = Assembly(tmp_path / "two").stack("S", {"P": parameter("2"), "Q": parameter("7", "/q")})

    running.run(running.region.update(again.folder))

    assert [event for event in running.events if isinstance(event, ParameterChanged)] == [
        ParameterChanged(name="/p", operation="Update")
    ]


def parameter(value, name="/p"):
    """An SSM parameter."""
    return {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Name": name, "Type": "String", "Value": value},
    }


def test_outputs_are_resolved(open_region, tmp_path):
    """What a stack says about itself has values."""
    outputs = {"Where": {"Value": {"Fn::Sub": "${AWS::Region}${P}"}}}
    running = open_region(
        Assembly(tmp_path).stack("S", {"P": parameter("1")}, Outputs=outputs).folder
    )

    assert running.region.outputs("S") == {"Where": "me-central-1/p"}


def test_removed_resource_is_deleted(open_region, tmp_path):
    """A parameter that the template no longer has is gone."""
    written = Assembly(tmp_path / "one").stack(
        "S", {"P": parameter("1"), "Q": parameter("7", "/q")}
    )
    running = open_region(written.folder)
    again = Assembly(tmp_path / "two").stack("S", {"P": parameter("1")})

    running.run(running.region.update(again.folder))

    names = client(running, "ssm").describe_parameters()["Parameters"]
    assert [entry["Name"] for entry in names] == ["/p"]


def test_rest_stage_serves_its_deployment(open_region, tmp_path):
    """A changed body without a new deployment is not served, as on AWS."""
    running = open_region(write(tmp_path / "one", api=rest_api))
    more = {**PATHS, "/new": integration({"Ref": "AliasArn"})}
    folder = write(tmp_path / "two", api=lambda _: rest_api(more))
    running.run(running.region.update(folder))
    before = running.request("/new")[0]
    folder = write(tmp_path / "three", api=lambda _: rest_api(more, deployment="Deployment2"))

    running.run(running.region.update(folder))

    assert (before, running.request("/new")[0]) == (403, 200)


# ------------------------------------------------------------------- losses
def test_killed_process_loses_one_request(open_region, tmp_path):
    """After kill −9 the request under way fails; its neighbours and successors do not."""
    running = open_region(write(tmp_path))
    doomed = running.json("/v2/models/m/x")["pid"]
    with ThreadPoolExecutor(5) as clients:
        slow = clients.submit(running.request, "/v2/models/m/slow")
        while not any("slow begins" in getattr(event, "line", "") for event in running.events):
            time.sleep(0.01)
        around = [clients.submit(running.request, "/v2/models/m/x") for _ in range(20)]
        os.kill(doomed, signal.SIGKILL)
        around += [clients.submit(running.request, "/v2/models/m/x") for _ in range(20)]
        statuses = Counter(answer.result()[0] for answer in around)

    assert (slow.result()[0], statuses) == (500, {200: 40})


# ----------------------------------------------------------------- refusals
def test_every_known_resource_is_made(open_region, tmp_path):
    """One of each: what templates declare is there for boto3."""
    resources = {
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {"VersioningConfiguration": {"Status": "Enabled"}},
        },
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
                "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
            },
        },
        "Dead": {"Type": "AWS::SQS::Queue", "Properties": {}},
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "VisibilityTimeout": 30,
                "RedrivePolicy": {
                    "deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]},
                    "maxReceiveCount": 3,
                },
            },
        },
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "Alerts"}},
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "Topic"},
                "Protocol": "sqs",
                "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]},
            },
        },
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"EnableKeyRotation": True}},
        "KeyAlias": {
            "Type": "AWS::KMS::Alias",
            "Properties": {"AliasName": "alias/falaj", "TargetKeyId": {"Ref": "Key"}},
        },
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 30}},
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "DefinitionString": json.dumps(
                    {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
                ),
            },
        },
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "Namespace": "Falaj",
                "MetricName": "Bad",
                "Statistic": "Sum",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 1,
                "ComparisonOperator": "GreaterThanThreshold",
            },
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {"ScheduleExpression": "rate(1 hour)"},
        },
        "Outcome": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {
                "Name": "/outcome",
                "Type": "String",
                "Value": {
                    "Fn::Sub": "${Bucket.Arn} ${Table} ${Queue.QueueName} ${Topic.TopicName} "
                    "${KeyAlias} ${Logs} ${Machine.Name} ${Alarm.Arn} ${Rule.Arn}"
                },
            },
        },
        **ROLE,
    }
    running = open_region(Assembly(tmp_path).stack("All", resources).folder)

    queue = client(running, "sqs").list_queues(QueueNamePrefix="All-Queue")["QueueUrls"][0]
    topic = client(running, "sns").list_topics()["Topics"][0]["TopicArn"]
    client(running, "sns").publish(TopicArn=topic, Message="red")
    message = client(running, "sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"]
    names = client(running, "ssm").get_parameter(Name="/outcome")["Parameter"]["Value"]
    assert (json.loads(message)["Message"], "$" in names, names.split()[4]) == (
        "red",
        False,
        "alias/falaj",
    )


@pytest.mark.parametrize(
    ("resources", "sections", "reason"),
    [
        (
            {"Cluster": {"Type": "AWS::SageMaker::Endpoint", "Properties": {}}},
            {},
            r"Broken/Cluster \(AWS::SageMaker::Endpoint\): this type is not known",
        ),
        (
            {"P": parameter({"Fn::ImportValue": "x"})},
            {},
            r"Broken/P \(AWS::SSM::Parameter\): the intrinsic function Fn::ImportValue",
        ),
        (
            {"P": parameter({"Ref": "Absent"})},
            {"Parameters": {"Absent": READS_ALIAS["AliasArn"]}},
            "reads SSM parameter '/falaj/models/m/alias-arn', which no stack has written",
        ),
        ({"P": parameter("1"), "Q": parameter("2")}, {}, "Broken/Q .*already exists"),
        (
            {"P": parameter("1")},
            {"Outputs": {"O": {"Value": {"Fn::GetAtt": ["P", "Arn"]}}}},
            r"Broken/Outputs .*P has no attribute 'Arn' here \(known: Type, Value\)",
        ),
        ({"P": parameter("1")}, {"Mappings": {}}, "the sections Mappings are not known"),
        (
            {"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String"}}},
            {},
            "the property 'Value' is missing",
        ),
        (
            function({"ZipFile": "def handler(event, context): pass"}),
            {},
            "only code that is an asset",
        ),
        (
            {
                "Role": ROLE["Role"],
                "Topic": {"Type": "AWS::SNS::Topic", "DependsOn": ["Role"]},
                "Loop": {"Type": "AWS::SNS::Topic", "DependsOn": ["Loop"]},
            },
            {},
            "circle: Loop → Loop",
        ),
    ],
)
def test_broken_template_is_named(open_region, tmp_path, resources, sections, reason):
    """Stack, logical id, type and reason, in one sentence."""
    folder = Assembly(tmp_path).stack("Broken", resources, **sections).folder

    with pytest.raises(TemplateError, match=reason):
        open_region(folder)


def test_refused_function_is_named(open_region, tmp_path):
    """Lambda's own words, and whose function it was."""
    written = Assembly(tmp_path)
    folder = written.stack("Broken", function(written.code(), MemorySize=64)).folder

    with pytest.raises(TemplateError, match=r"Broken/Function .*greater than or equal to 128"):
        open_region(folder)


def test_version_without_a_change_is_refused(open_region, tmp_path):
    """A new logical id alone makes no new version, as CloudFormation says."""
    running = open_region(write(tmp_path / "one"))

    with pytest.raises(TemplateError, match=r"A version for this Lambda function exists \( 1 \)"):
        running.run(running.region.update(write(tmp_path / "two", version="V2")))


def test_guarded_api_is_not_served_open(open_region, tmp_path):
    """A template that asks for a check of another kind finds nobody here to make it."""
    guarded = integration({"Fn::GetAtt": ["Role", "Arn"]})
    guarded["x-amazon-apigateway-any-method"]["x-amazon-apigateway-auth"] = {"type": "CUSTOM"}
    guarded["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"]["uri"] = (
        "arn:aws:lambda:me-central-1:000000000000:function:f"
    )
    folder = Assembly(tmp_path).stack("Api", {**ROLE, **http_api({"/a": guarded})}).folder

    with pytest.raises(UnenforceableSecurityError, match="ANY /a: security 'CUSTOM'"):
        open_region(folder)


def test_other_region_is_refused(open_region, tmp_path):
    """A stack for another country does not run here."""
    folder = Assembly(tmp_path).stack("Far", {}, region="eu-west-1").folder

    with pytest.raises(AssemblyError, match="stack Far is for eu-west-1, not me-central-1"):
        open_region(folder)


def test_taken_port_is_named(open_region, tmp_path):
    """Which port, and which setting moves it."""
    folder = Assembly(tmp_path).stack("S", {}).folder
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]

        with pytest.raises(PortInUseError, match=f"port {taken} .*FALAJ_AWS_PORT"):
            open_region(folder, aws_port=taken)


def test_failed_opening_leaves_nothing(open_region, tmp_path):
    """After a refusal, the same account opens at once."""
    broken = Assembly(tmp_path / "a").stack("S", {"X": {"Type": "No::Such::Type"}}).folder
    with pytest.raises(TemplateError):
        open_region(broken, account="900000000001")

    fine = Assembly(tmp_path / "b").stack("S", {"P": parameter("1")}).folder

    assert open_region(fine, account="900000000001").region.api_url


def test_files_are_uploaded_where_templates_look(open_region, tmp_path):
    """A single-file asset lies in the bucket that its manifest names."""
    written = Assembly(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"weights")
    files = {
        "f": {
            "source": {"path": "model.onnx", "packaging": "file"},
            "destinations": {
                "here": {
                    "bucketName": "assets-${AWS::AccountId}-${AWS::Region}",
                    "objectKey": "m/1/model.onnx",
                }
            },
        }
    }
    running = open_region(written.stack("S", {}, files=files).folder)

    bucket = f"assets-{running.region.backends.account}-me-central-1"
    got = client(running, "s3").get_object(Bucket=bucket, Key="m/1/model.onnx")["Body"].read()

    assert got == b"weights"


def test_closing_leaves_nothing_behind(tmp_path):
    """No process, no port, no temporary file."""
    from tests.local_region.conftest import Running  # a region of its own, closed here

    before = children()
    running = Running(write(tmp_path))
    running.request("/v2/models/m/x")
    during = children()
    ports = [
        int(url.rpartition(":")[2]) for url in (running.region.api_url, running.region.aws_url)
    ]

    running.close()

    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()
    assert len(during) > len(before)
    assert children() == before


def children():
    """Process ids of this process's children."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,comm=", "--ppid", str(os.getpid())],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    return {line.split()[0] for line in listed.splitlines() if not line.endswith(" ps")}


def test_assembly_is_read_only(tmp_path):
    """Running an assembly writes nothing into it."""
    folder = write(tmp_path)
    from tests.local_region.conftest import Running

    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    running = Running(folder)
    running.request("/v2/models/m/x")
    running.close()

    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert (after, len(ReadAssembly.read(folder).stacks)) == (before, 2)
