"""The model under test, as every peer's server runs it: one ONNX Runtime session on one thread."""

import os
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

CASE = os.environ["BENCH_CASE"]
PORT = int(os.environ["BENCH_PORT"])
MAX_BATCH = int(os.environ["BENCH_MAX_BATCH"])
PAUSE_S = float(os.environ["BENCH_PAUSE_S"]) if CASE == "g" else 0.0
IS_LARGE = CASE in "ve"
DTYPE = np.int64 if CASE == "e" else np.float32
SHAPE = {"t": (30,), "g": (30,), "v": (3, 224, 224), "e": (32,)}[CASE]


def session():
    """Load the model."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    content = (Path(os.environ["BENCH_ROOT"]) / CASE / "1" / "model.onnx").read_bytes()
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


class Model:
    """A batch in, every output out."""

    def __init__(self):
        self.session = session()
        self.input = self.session.get_inputs()[0].name
        self.outputs = [output.name for output in self.session.get_outputs()]

    def run(self, batch):
        """Run rows together, and wait as an accelerator would."""
        made = self.session.run(None, {self.input: batch})
        if PAUSE_S:
            time.sleep(PAUSE_S)
        return made


def row_of_bytes(data):
    """Read one row from raw bytes."""
    return np.frombuffer(data, DTYPE).reshape(SHAPE)


def row_of_list(values):
    """Read one row from JSON numbers."""
    return np.asarray(values, DTYPE).reshape(SHAPE)
