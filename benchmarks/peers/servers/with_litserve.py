"""LitServe: FastAPI in front, a worker process with dynamic batching behind a queue."""

import base64

import litserve as ls
import numpy as np
from model import CASE, MAX_BATCH, PORT, Model, row_of_bytes, row_of_list


class Api(ls.LitAPI):
    """Decodes, batches, runs, encodes."""

    def setup(self, device):  # noqa: ARG002 - LitServe calls it so
        """Load the model in the worker."""
        self.model = Model()

    def decode_request(self, request):
        """Read one request."""
        if CASE in "ve":
            return row_of_bytes(base64.b64decode(request["x"]))
        return row_of_list(request["x"])

    def batch(self, inputs):
        """Stack rows."""
        return np.stack(inputs)

    def predict(self, x):
        """Run a batch."""
        return self.model.run(x)

    def unbatch(self, output):
        """Take the rows apart."""
        return [[one[row] for one in output] for row in range(len(output[0]))]

    def encode_response(self, output):
        """Write one answer."""
        return {"outputs": [np.asarray(one).ravel().tolist() for one in output]}


if __name__ == "__main__":
    api = Api(max_batch_size=MAX_BATCH, batch_timeout=0.001)
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1",
        port=PORT,
        num_api_servers=1,
        log_level="error",
        generate_client_file=False,
        access_log=False,
    )
