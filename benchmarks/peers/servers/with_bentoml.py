"""BentoML: a service whose API is batchable, served by its own worker."""

import base64

import bentoml
import numpy as np
from model import IS_LARGE, MAX_BATCH, Model, row_of_bytes, row_of_list

Rows = list[str] if IS_LARGE else list[list[float]]


@bentoml.service(workers=1, traffic={"timeout": 60}, metrics={"enabled": False})
class Bench:
    """Rows as JSON numbers, or large ones as Base64."""

    def __init__(self) -> None:
        self.model = Model()

    @bentoml.api(batchable=True, max_batch_size=MAX_BATCH, max_latency_ms=1000)
    def infer(self, x: Rows) -> list[list[float]]:
        """Run a batch."""
        read = (lambda one: row_of_bytes(base64.b64decode(one))) if IS_LARGE else row_of_list
        made = self.model.run(np.stack([read(one) for one in x]))
        rows = (np.concatenate([np.ravel(o[row]) for o in made]) for row in range(len(x)))
        return [row.tolist() for row in rows]
