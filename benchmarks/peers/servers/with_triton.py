"""Triton with its Python backend, as NVIDIA's pytriton ships it, dynamic batching on."""

import contextlib
import socket

import numpy as np
from model import CASE, DTYPE, MAX_BATCH, PORT, SHAPE, Model
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

MODEL = Model()


@batch
def infer(**inputs):
    """Run a batch."""
    made = MODEL.run(next(iter(inputs.values())))
    return {name: np.asarray(one).reshape(len(one), -1)
            for name, one in zip(MODEL.outputs, made, strict=True)}  # fmt: skip


def free_ports(count):
    """Ports nobody uses; those beside PORT may still be held by the last contender's callers."""
    with contextlib.ExitStack() as held:
        servers = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in servers]


if __name__ == "__main__":
    kinds = {output.name: output for output in MODEL.session.get_outputs()}
    outputs = [
        Tensor(
            name=name, dtype=np.int64 if "int64" in kinds[name].type else np.float32, shape=(-1,)
        )
        for name in MODEL.outputs
    ]
    grpc_port, metrics_port = free_ports(2)
    config = TritonConfig(
        http_address="127.0.0.1", http_port=PORT, grpc_port=grpc_port, metrics_port=metrics_port,
        log_verbose=0,
    )  # fmt: skip
    with Triton(config=config) as triton:
        triton.bind(
            model_name=CASE,
            infer_func=infer,
            inputs=[Tensor(name=MODEL.input, dtype=DTYPE, shape=SHAPE)],
            outputs=outputs,
            config=ModelConfig(
                max_batch_size=MAX_BATCH,
                batcher=DynamicBatcher(max_queue_delay_microseconds=500),
            ),
        )
        triton.serve()
