"""Promise: the synthesized application answers any Open Inference Protocol client, and loses none.

The real templates, the real handlers, the catalogue's real models, both profiles.
"""

import asyncio
import gzip
import json
from collections import Counter
from html import escape
from urllib.request import urlopen

import boto3
import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

ROW = [
    *(17.99, 10.38, 122.8, 1001.0, 0.1184, 0.2776, 0.3001, 0.1471, 0.2419, 0.07871),
    *(1.095, 0.9053, 8.589, 153.4, 0.006399, 0.04904, 0.05373, 0.01587, 0.03003, 0.006193),
    *(25.38, 17.33, 184.6, 2019.0, 0.1622, 0.6656, 0.7119, 0.2654, 0.4601, 0.1189),
]
"""The first row of scikit-learn's breast-cancer data: malignant, class 0."""

INFER = "/v2/models/breast-cancer/infer"
BODY = json.dumps(
    {
        "id": "first",
        "inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 30], "data": ROW}],
    }
).encode()
JSON = {"content-type": "application/json"}


@pytest.fixture(params=["region", "enterprise_region"])
def served(request):
    """Both profiles, one after the other."""
    return request.getfixturevalue(request.param)


def label(answer):
    """The answer's class."""
    return {output["name"]: output["data"] for output in answer["outputs"]}["label"]


def test_models_come_from_the_routes(served):
    """What the API serves is what the catalogue holds."""
    assert served.region.models() == ("breast-cancer", "file-type", "tashkeel")


def test_curl_gets_the_right_answer(served):
    """A plain POST, and the answer names what made it."""
    status, headers, body = served.request(INFER, body=BODY, headers=JSON)

    answer = json.loads(body)
    assert (status, label(answer), answer["id"], headers["x-falaj-release"]) == (
        200,
        [0],
        "first",
        headers["x-amz-executed-version"],
    )


def test_compressed_request_gets_the_right_answer(served):
    """The same, gzipped."""
    asked = {**JSON, "content-encoding": "gzip"}

    status, _, body = served.request(INFER, body=gzip.compress(BODY), headers=asked)

    assert (status, label(json.loads(body))) == (200, [0])


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
@pytest.mark.parametrize("binary", [False, True])
def test_tritonclient_works_unmodified(served, binary, compression):
    """JSON and binary tensors, both ways, compressed both ways."""
    client = InferenceServerClient(served.region.api_url.removeprefix("http://"))
    features = InferInput("features", [1, 30], "FP32")
    features.set_data_from_numpy(np.array([ROW], dtype=np.float32), binary_data=binary)

    answer = client.infer(
        "breast-cancer",
        [features],
        outputs=[InferRequestedOutput("label", binary_data=binary)],
        request_compression_algorithm=compression,
        response_compression_algorithm=compression,
    )
    client.close()

    assert answer.as_numpy("label").tolist() == [0]


def test_tritonclient_reads_the_catalogue(served):
    """Health, metadata and index through the same client."""
    client = InferenceServerClient(served.region.api_url.removeprefix("http://"))

    facts = (
        client.is_server_live(),
        client.is_model_ready("tashkeel"),
        client.get_model_metadata("file-type")["name"],
        sorted(entry["name"] for entry in client.get_model_repository_index()),
    )
    client.close()

    assert facts == (True, True, "file-type", ["breast-cancer", "file-type", "tashkeel"])


def test_unknown_model_gets_the_error_body(served):
    """One shape of error, whoever refuses."""
    status, _, body = served.request("/v2/models/nobody/infer", body=BODY, headers=JSON)

    assert (status, isinstance(json.loads(body)["error"], str)) == (404, True)


def test_document_and_page_are_served(served):
    """The published OpenAPI document and its page."""
    document = served.json("/openapi.json")
    status, headers, _ = served.request("/docs")

    assert (document["openapi"][:2], status, headers["content-type"].split(";")[0]) == (
        "3.",
        200,
        "text/html",
    )


def test_dashboards_are_told_and_drawn(region):
    """By boto3 as on AWS, and by a page for people; both are of the body that was deployed."""
    cloudwatch = boto3.client(
        "cloudwatch",
        endpoint_url=region.region.aws_url,
        region_name="me-central-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    names = {entry["DashboardName"] for entry in cloudwatch.list_dashboards()["DashboardEntries"]}
    body = cloudwatch.get_dashboard(DashboardName="falaj")["DashboardBody"]
    address = f"{region.region.aws_url}/_falaj/dashboards/falaj"
    with urlopen(address) as answer:  # noqa: S310 - this machine's own
        page = answer.read().decode()

    assert "falaj" in names
    assert all(
        escape(widget["properties"]["title"], quote=True) in page
        for widget in json.loads(body)["widgets"]
        if "title" in widget["properties"]
    )


def test_half_the_traffic_reaches_a_second_version(region):
    """An operator's boto3 publishes version 2 and gives it half: both answer, each by name."""
    control = boto3.client(
        "lambda",
        endpoint_url=region.region.aws_url,
        region_name="me-central-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    name = next(
        function["FunctionName"]
        for function in control.list_functions()["Functions"]
        if "breast-cancer" in function["FunctionName"]
    )
    control.update_function_configuration(FunctionName=name, MemorySize=640)
    second = control.publish_version(FunctionName=name)["Version"]
    weights = {"AdditionalVersionWeights": {second: 0.5}}
    control.update_alias(FunctionName=name, Name="live", RoutingConfig=weights)

    releases = Counter(
        region.request(INFER, body=BODY, headers=JSON)[1]["x-falaj-release"] for _ in range(80)
    )

    control.update_alias(
        FunctionName=name, Name="live", RoutingConfig={"AdditionalVersionWeights": {}}
    )
    assert (set(releases), 20 <= releases[second] <= 60) == ({"1", second}, True)


REQUESTS = 10_000
CONCURRENCY = 16


async def flood(url):
    """Send every request over sixteen kept connections; count the answers by status."""
    host, port = url.removeprefix("http://").split(":")
    message = (
        f"POST {INFER} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(BODY)}\r\n\r\n"
    ).encode() + BODY
    statuses, turns = Counter(), iter(range(REQUESTS - CONCURRENCY))
    # Sixteen cold starts at once on two busy cores can outlast the integration's timeout.
    joining = asyncio.Lock()

    async def ask(reader, writer):
        writer.write(message)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        statuses[int(head[9:12]), b'"label"' in body] += 1

    async def one():
        reader, writer = await asyncio.open_connection(host, int(port))
        async with joining:
            await ask(reader, writer)
        for _ in turns:
            await ask(reader, writer)
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONCURRENCY)))
    return statuses


@pytest.mark.slow
def test_ten_thousand_requests_lose_none(region):
    """Sixteen clients at once, every request answered with a prediction."""
    assert asyncio.run(flood(region.region.api_url)) == {(200, True): REQUESTS}
