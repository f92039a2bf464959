"""mosec: a Rust front, a batch for a Python worker; JSON rows, or raw bytes for large ones."""

import sys

import numpy as np
import orjson
from model import CASE, MAX_BATCH, PORT, Model, row_of_bytes, row_of_list
from mosec import Server, Worker


class Inference(Worker):
    """Deserializes, runs and serializes."""

    def __init__(self):
        self.model = Model()

    def deserialize(self, data):
        """Read one request."""
        return row_of_bytes(data) if CASE in "ve" else row_of_list(orjson.loads(data)["x"])

    def forward(self, data):
        """Run a batch."""
        made = self.model.run(np.stack(data))
        return [[output[row] for output in made] for row in range(len(data))]

    def serialize(self, data):
        """Write one answer."""
        if CASE in "ve":
            return b"".join(np.ascontiguousarray(one).tobytes() for one in data)
        return orjson.dumps([np.ravel(one).tolist() for one in data])


if __name__ == "__main__":
    sys.argv[1:] = ["--address", "127.0.0.1", "--port", str(PORT), "--log-level", "error"]
    server = Server()
    server.append_worker(Inference, num=1, max_batch_size=MAX_BATCH, max_wait_time=1)
    server.run()
