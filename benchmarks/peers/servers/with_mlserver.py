"""MLServer: a custom runtime with adaptive batching, the Open Inference Protocol in JSON."""

import asyncio

import numpy as np
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse, MetadataTensor
from model import CASE, DTYPE, MAX_BATCH, PORT, SHAPE, Model


class Runtime(MLModel):
    """Runs what MLServer has gathered."""

    async def load(self):
        """Load the model."""
        self.model = Model()
        return True

    async def predict(self, payload):
        """Run a batch."""
        batch = NumpyCodec.decode_input(payload.inputs[0]).astype(DTYPE, copy=False)
        made = self.model.run(batch.reshape(-1, *SHAPE))
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                NumpyCodec.encode_output(name, np.asarray(one))
                for name, one in zip(self.model.outputs, made, strict=True)
            ],
        )


async def main():
    """Serve one model."""
    settings = Settings(
        host="127.0.0.1", http_port=PORT, grpc_port=PORT + 1, metrics_port=PORT + 2,
        parallel_workers=0, debug=False,
    )  # fmt: skip
    server = MLServer(settings)
    kind = "INT64" if CASE == "e" else "FP32"
    model = ModelSettings(
        name=CASE,
        implementation=Runtime,
        max_batch_size=MAX_BATCH,
        max_batch_time=0.001,
        inputs=[MetadataTensor(name="x", datatype=kind, shape=[-1, *SHAPE])],
    )
    await server.start([model])


if __name__ == "__main__":
    asyncio.run(main())
