"""KServe's model server: the Open Inference Protocol; batching is its sidecar's, not in process."""

import numpy as np
from kserve import InferOutput, InferResponse, Model as Served, ModelServer
from model import CASE, PORT, Model


class Runtime(Served):
    """One run for each request."""

    def __init__(self):
        super().__init__(CASE)
        self.model = Model()
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):  # noqa: ARG002 - KServe calls it so
        """Run one request."""
        made = self.model.run(payload.inputs[0].as_numpy())
        outputs = []
        for name, one in zip(self.model.outputs, made, strict=True):
            kind = "INT64" if one.dtype == np.int64 else "FP32"
            output = InferOutput(name=name, shape=list(one.shape), datatype=kind)
            output.set_data_from_numpy(one, binary_data=CASE in "ve")
            outputs.append(output)
        return InferResponse(response_id="1", model_name=CASE, infer_outputs=outputs)


if __name__ == "__main__":
    ModelServer(
        http_port=PORT, grpc_port=PORT + 1, enable_grpc=False, enable_latency_logging=False
    ).start([Runtime()])
