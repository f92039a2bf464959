"""The model as Triton's Python backend runs it: the requests of a batch joined, run and divided."""

# ruff: noqa: E402 - the backend's interpreter does not look at PYTHONPATH

import os
import sys

sys.path[:0] = os.environ["BENCH_PATH"].split(os.pathsep)

import numpy as np
import triton_python_backend_utils as pb_utils
from model import Model


class TritonPythonModel:
    """Made and called by the backend."""

    def initialize(self, _):
        """Load the model."""
        self.model = Model()

    def execute(self, requests):
        """Answer the requests that the dynamic batcher has gathered."""
        name = self.model.input
        given = [pb_utils.get_input_tensor_by_name(one, name).as_numpy() for one in requests]
        made = self.model.run(np.concatenate(given) if len(given) > 1 else given[0])
        answers, start = [], 0
        for rows in map(len, given):
            parts = [
                pb_utils.Tensor(name, output[start : start + rows])
                for name, output in zip(self.model.outputs, made, strict=True)
            ]
            answers.append(pb_utils.InferenceResponse(parts))
            start += rows
        return answers
