"""gRPC on the container: unmodified clients, streams, hostile messages."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from queue import Queue

import grpc
import numpy as np
import pytest
from tritonclient import grpc as triton
from tritonclient.grpc import aio, service_pb2
from tritonclient.utils import InferenceServerException

METHOD = "/inference.GRPCInferenceService/ModelInfer"
DTYPES = ["bool", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]
NAMES = {
    "b1": "BOOL", "u1": "UINT8", "u2": "UINT16", "u4": "UINT32", "u8": "UINT64", "i1": "INT8",
    "i2": "INT16", "i4": "INT32", "i8": "INT64", "f2": "FP16", "f4": "FP32", "f8": "FP64",
}  # fmt: skip


@pytest.fixture(scope="module")
def client(container):
    """A stranger's client."""
    with triton.InferenceServerClient(container.grpc) as connected:
        yield connected


def tensor(array, datatype="FP32", name="x"):
    """An input."""
    return triton.InferInput(name, list(array.shape), datatype).set_data_from_numpy(array)


def raw_call(container, data, *, timeout=60, **options):
    """Send bytes as a ModelInfer request; returns the status, or OK's response."""
    with grpc.insecure_channel(container.grpc, **options) as channel:
        try:
            return channel.unary_unary(METHOD)(data, timeout=timeout)
        except grpc.RpcError as error:
            return error.code(), error.details()


def request(**values):
    """A ModelInferRequest of one row of numbers in typed contents."""
    made = service_pb2.ModelInferRequest(model_name="doubled", **values)
    item = made.inputs.add(name="x", datatype="FP32", shape=[1, 2])
    item.contents.fp32_contents.extend([1.5, 2.5])
    return made


def test_health_metadata_config_statistics_and_index(client):
    """Everything a client asks before it infers is answered."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("rows", "2")
    assert not client.is_model_ready("rows", "9")
    assert client.get_server_metadata().name == "falaj"
    described = client.get_model_metadata("rows")
    assert (list(described.versions), described.inputs[0].shape[1]) == (["1", "2"], 30)
    assert client.get_model_config("rows").config.input[0].name == "x"
    index = client.get_model_repository_index(as_json=True)["models"]
    assert {"name": "rows", "version": "2", "state": "READY"} in index
    client.infer("rows", [tensor(np.ones((3, 30), np.float32))], model_version="1")
    counted = client.get_inference_statistics("rows", "1").model_stats[0]
    assert counted.inference_count >= 3


def test_a_configuration_says_what_may_be_sent_together(client):
    """A largest batch, and sizes without it, only where registration proved that rows may join."""
    config = client.get_model_config("rows").config
    assert (config.max_batch_size, list(config.input[0].dims)) == (32, [30])
    assert config.WhichOneof("scheduling_choice") == "dynamic_batching"
    assert config.dynamic_batching.default_queue_policy.max_queue_size == 1024
    alone = client.get_model_config("unsafe").config
    assert (alone.max_batch_size, list(alone.input[0].dims)) == (0, [-1, 30])
    assert alone.WhichOneof("scheduling_choice") is None


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_numeric_type_survives_the_round_trip(client, dtype):
    """What goes in comes out, bit for bit, beside empty tensors of the other types."""
    info = np.finfo(dtype) if dtype.startswith("f") else None
    if dtype == "bool":
        values = np.array([True, False])
    else:
        bounds = info or np.iinfo(dtype)
        values = np.array([bounds.min, bounds.max], dtype=dtype)
    name = NAMES[np.dtype(dtype).str[1:]]
    inputs = [
        tensor(values if other == name else np.zeros(2, np.dtype(code)), other, name=f"in_{other}")
        for code, other in NAMES.items()
    ]
    inputs.append(tensor(np.array(["", ""], dtype=object), "BYTES", name="in_BYTES"))
    result = client.infer("types", inputs, outputs=[triton.InferRequestedOutput(f"out_{name}")])
    assert result.as_numpy(f"out_{name}").tobytes() == values.tobytes()


def test_text_survives_the_round_trip(client):
    """Arabic, empty and NUL-bearing strings come back as they went."""
    words = np.array([["سَلَام", ""], ["a\0b", "é" * 500]], dtype=object)
    returned = client.infer("words", [tensor(words, "BYTES")]).as_numpy("y")
    assert [x.decode() for x in returned.ravel()] == words.ravel().tolist()


def test_typed_contents_are_read(container):
    """A client without raw contents is served."""
    answer = raw_call(container, request(id="mine").SerializeToString())
    found = service_pb2.ModelInferResponse.FromString(answer)
    assert (found.id, found.model_version) == ("mine", "1")
    assert np.frombuffer(found.raw_output_contents[0], "<f4").tolist() == [3.0, 5.0]


def test_callbacks_and_futures(client):
    """Asynchronous calls are answered, each with its own result."""
    answers = Queue()
    for n in range(24):
        client.async_infer(
            "doubled",
            [tensor(np.full((1, 2), n, np.float32))],
            callback=lambda result, error: answers.put((result, error)),
        )
    found = [answers.get(timeout=60) for _ in range(24)]
    assert [error for _, error in found if error] == []
    assert sorted(result.as_numpy("y")[0, 0] for result, _ in found) == [2.0 * n for n in range(24)]


def test_the_asyncio_client(container):
    """Tritonclient's asyncio client is served, with many calls under way on one channel."""

    async def ask():
        async with aio.InferenceServerClient(container.grpc) as client:
            inputs = [tensor(np.full((1, 3), n, np.float32)) for n in range(24)]
            results = await asyncio.gather(*(client.infer("doubled", [x]) for x in inputs))
            return [result.as_numpy("y")[0, 0] for result in results]

    assert asyncio.run(ask()) == [2.0 * n for n in range(24)]


def test_a_stream_answers_in_order_and_outlives_an_error(client):
    """Each request of a stream gets its response; a bad one gets an error and ends nothing."""
    answers = Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    try:
        for n in range(6):
            width = 30 if n != 3 else 8
            client.async_stream_infer(
                "rows", [tensor(np.full((1, width), n, np.float32))], request_id=str(n)
            )
        found = [answers.get(timeout=60) for _ in range(6)]
    finally:
        client.stop_stream()
    assert [result.get_response().id for result, _ in found if result] == ["0", "1", "2", "4", "5"]
    assert "Expected [-1,30], got [1,8]" in found[3][1].message()


def test_one_stream_fills_batches(client):
    """Requests of a single stream run together, as those of many calls do."""
    before = client.get_inference_statistics("slow").model_stats[0]
    answers, asked = Queue(), 64
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    try:
        for n in range(asked):
            client.async_stream_infer(
                "slow", [tensor(np.full((1, 1, 1), n, np.float32))], request_id=str(n)
            )
        found = [answers.get(timeout=60) for _ in range(asked)]
    finally:
        client.stop_stream()
    after = client.get_inference_statistics("slow").model_stats[0]
    assert [result.get_response().id for result, _ in found] == [str(n) for n in range(asked)]
    assert after.inference_count - before.inference_count == asked
    assert after.execution_count - before.execution_count < asked


def test_an_error_in_a_stream_names_its_request(container):
    """By id and model, and as its last answer: a client of many knows which one it was."""
    wrong = request(id="the third")
    wrong.inputs[0].shape[:] = [1, 3]
    with grpc.insecure_channel(container.grpc) as channel:
        stream = channel.stream_stream(METHOD.replace("ModelInfer", "ModelStreamInfer"))
        (data,) = stream(iter([wrong.SerializeToString()]), timeout=60)
    told = service_pb2.ModelStreamInferResponse.FromString(data)
    named = told.infer_response
    assert "needs 3 values" in told.error_message
    assert (named.id, named.model_name) == ("the third", "doubled")
    assert named.parameters["triton_final_response"].bool_param


def test_a_stream_may_ask_to_end_with_an_errors_status(client):
    """Triton's clients ask by metadata, and learn the status instead of a sentence alone."""
    answers = Queue()
    client.start_stream(
        callback=lambda result, error: answers.put((result, error)),
        headers={"triton_grpc_error": "true"},
    )
    try:
        for model in ("rows", "nobody"):
            client.async_stream_infer(model, [tensor(np.ones((1, 30), np.float32))])
        answered, refused = answers.get(timeout=60), answers.get(timeout=60)
    finally:
        client.stop_stream()
    assert answered[0].as_numpy("score").shape == (1, 1)
    assert refused[1].status() == "StatusCode.NOT_FOUND"


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("get_system_shared_memory_status", ()),
        ("register_cuda_shared_memory", ("a", b"aGFuZGxl", 0, 1)),
        ("get_trace_settings", ()),
        ("update_log_settings", ({"log_info": True},)),
    ],
)
def test_what_is_not_served_is_said(client, method, arguments):
    """A client that tries learns which extension is missing, and what to do instead."""
    with pytest.raises(InferenceServerException, match="is not supported; se") as caught:
        getattr(client, method)(*arguments)
    assert caught.value.status() == "StatusCode.UNIMPLEMENTED"


def test_every_published_method_has_an_answer(container):
    """None ends in grpc's own words for a method that it does not know."""
    methods = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods
    said = []
    with grpc.insecure_channel(container.grpc) as channel:
        for method in methods:
            ask = channel.unary_unary(f"/inference.GRPCInferenceService/{method.name}")
            try:
                ask(b"", timeout=60)
            except grpc.RpcError as error:
                said.append(error.details())
    assert len(methods) == 20
    assert "Method not found!" not in said


def test_statuses(client):
    """Unknown models, wrong shapes and invalid outputs have gRPC's own statuses."""

    def status(*args, **values):
        with pytest.raises(InferenceServerException) as caught:
            client.infer(*args, **values)
        return caught.value.status()

    row = [tensor(np.ones((1, 30), np.float32))]
    assert status("nobody", row) == "StatusCode.NOT_FOUND"
    assert status("rows", row, model_version="9") == "StatusCode.NOT_FOUND"
    assert status("rows", [tensor(np.ones((1, 8), np.float32))]) == "StatusCode.INVALID_ARGUMENT"
    assert status("log", [tensor(np.array([-1], np.float32))]) == "StatusCode.INTERNAL"
    with pytest.raises(InferenceServerException, match="immutable"):
        client.load_model("rows")


def test_overload_is_resource_exhausted(container):
    """With a full queue the others are told at once, and when to return."""
    body = service_pb2.ModelInferRequest(model_name="small-queue")
    body.inputs.add(name="x", datatype="FP32", shape=[1, 1, 1]).contents.fp32_contents.append(1)
    data = body.SerializeToString()
    with grpc.insecure_channel(container.grpc) as channel:
        call = channel.unary_unary(METHOD)
        futures = [call.future(data, timeout=20) for _ in range(48)]
        ends = [(future.code(), dict(future.trailing_metadata())) for future in futures]
    refused = [trailers for code, trailers in ends if code is grpc.StatusCode.RESOURCE_EXHAUSTED]
    assert {code for code, _ in ends} == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert len(refused) >= 10
    assert all(trailers["retry-after"] == "1" for trailers in refused)


def test_a_deadline_is_kept(container):
    """A call whose deadline passes in the queue ends, and the server goes on."""
    body = service_pb2.ModelInferRequest(model_name="small-queue")
    body.inputs.add(name="x", datatype="FP32", shape=[1, 1, 1]).contents.fp32_contents.append(1)
    with ThreadPoolExecutor(4) as pool:
        ends = list(
            pool.map(
                lambda t: raw_call(container, body.SerializeToString(), timeout=t),
                [20, 0.001, 0.001, 0.001],
            )
        )
    assert isinstance(ends[0], bytes)
    assert {end[0] for end in ends[1:] if isinstance(end, tuple)} <= {
        grpc.StatusCode.DEADLINE_EXCEEDED
    }


def _many(count):
    return b"\x2a\x00" * count  # field 5, an empty input


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\xff" * 100, grpc.StatusCode.INVALID_ARGUMENT),
        (b"", grpc.StatusCode.NOT_FOUND),
        (_many(8_000_000), grpc.StatusCode.INVALID_ARGUMENT),
        (b"\x0a\x07doubled" + _many(200_000), grpc.StatusCode.INVALID_ARGUMENT),
        (b"\x2a\xff\xff\xff\xff\x0f" + b"\0" * 100_000, grpc.StatusCode.INVALID_ARGUMENT),
        (b"\x0a\x02\xff\xfe", grpc.StatusCode.INVALID_ARGUMENT),
        (b"\x80" * 100_000, grpc.StatusCode.INVALID_ARGUMENT),
        (b"\0" * 20_000_000, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
    ids=["noise", "empty", "inputs", "named", "beyond", "utf8", "varint", "large"],
)
def test_hostile_messages_are_refused(container, client, data, status):
    """Each costs its sender an error, and the next caller nothing."""
    options = {"options": [("grpc.max_send_message_length", -1)]}
    code, _ = raw_call(container, data, **options)
    assert code == status
    result = client.infer("doubled", [tensor(np.ones((1, 2), np.float32))])
    assert result.as_numpy("y").tolist() == [[2.0, 2.0]]


@pytest.mark.parametrize(
    ("method", "status", "sentence"),
    [
        ("ModelMetadata", "INVALID_ARGUMENT", "exceeds 65536; name a model"),
        ("RepositoryModelLoad", "FAILED_PRECONDITION", "immutable"),
        ("TraceSetting", "UNIMPLEMENTED", "trace extension"),
    ],
)
def test_large_messages_without_tensors_are_not_read(container, method, status, sentence):
    """A million entries of a map would hold everybody up for a second; what is refused is said."""
    data = b"\x7a\x03abc" * 20_000  # a field that no message has
    with grpc.insecure_channel(container.grpc) as channel:
        call = channel.unary_unary(METHOD.replace("ModelInfer", method))
        with pytest.raises(grpc.RpcError) as caught:
            call(data, timeout=60)
    assert caught.value.code().name == status
    assert sentence in caught.value.details()


def test_a_bomb_is_refused(container):
    """60 MB of zeros in some sixty kilobytes of gzip do not unfold."""
    body = service_pb2.ModelInferRequest(model_name="doubled")
    body.raw_input_contents.append(b"\0" * 60_000_000)
    code, _ = raw_call(
        container,
        body.SerializeToString(),
        compression=grpc.Compression.Gzip,
        options=[("grpc.max_send_message_length", -1)],
    )
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda r: r.inputs[0].contents.fp32_contents.pop(), "needs 2 values"),
        (lambda r: r.raw_input_contents.append(b"\0" * 8), "must not be specified"),
        (lambda r: r.raw_input_contents.extend([b"", b""]), "expected 1 raw_input_contents"),
        (lambda r: r.inputs[0].shape.append(1), r"Expected \[-1,-1\], got \[1,2,1\]"),
        (lambda r: setattr(r.inputs[0], "datatype", "FP64"), "data-type is 'FP64'"),
        (lambda r: r.inputs.append(r.inputs[0]), "already exists"),
        (lambda r: r.outputs.add(name="z"), "unexpected inference output 'z'"),
        (lambda r: r.inputs.pop(), "missing required input"),
        (lambda r: r.inputs[0].shape.__setitem__(1, -2), "Expected"),
    ],
)
def test_requests_that_contradict_themselves_are_refused(container, change, sentence):
    """The signature is checked before any tensor is built, with REST's sentences."""
    made = request()
    change(made)
    code, details = raw_call(container, made.SerializeToString())
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert re.search(sentence, details)


def test_load_balancers_get_their_health_check(container):
    """`grpc.health.v1.Health/Check` says SERVING, of the server and of its one service."""
    with grpc.insecure_channel(container.grpc) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        for name in (b"", b"inference.GRPCInferenceService"):
            assert check(b"\x0a" + bytes([len(name)]) + name) == b"\x08\x01"
        assert check(b"") == b"\x08\x01"
        with pytest.raises(grpc.RpcError) as caught:
            check(b"\x0a\x05other")
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_the_descriptors_are_the_published_ones():
    """Our copy equals tritonclient's: to renew it, write its two files into one descriptor set."""
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from tritonclient.grpc import model_config_pb2

    from falaj.container.grpc.messages import DESCRIPTORS

    ours = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
    theirs = FileDescriptorSet()
    for module in (model_config_pb2, service_pb2):
        module.DESCRIPTOR.CopyToProto(theirs.file.add())
    assert ours == theirs
