"""FastAPI on uvicorn with a declared body, one run for each request: what most people write."""

import base64
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI
from model import IS_LARGE, PORT, Model, row_of_bytes, row_of_list
from pydantic import BaseModel

app, model = FastAPI(), Model()
Value = str if IS_LARGE else list[float]


class Row(BaseModel):
    """One row: numbers, or Base64 for large ones."""

    x: Value


class Answer(BaseModel):
    """Every output, flat."""

    outputs: list[list[Any]]


@app.post("/infer")
def infer(row: Row) -> Answer:
    """Run one request."""
    one = row_of_bytes(base64.b64decode(row.x)) if IS_LARGE else row_of_list(row.x)
    return Answer(outputs=[np.ravel(output).tolist() for output in model.run(one[None])])


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="error", access_log=False)
