"""Starlette and orjson on uvicorn, one run for each request: the quickest way people write it."""

import asyncio

import numpy as np
import orjson
import uvicorn
from model import CASE, PORT, Model, row_of_bytes, row_of_list
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

model = Model()


def infer(body):
    """Run one request."""
    one = row_of_bytes(body) if CASE in "ve" else row_of_list(orjson.loads(body)["x"])
    made = [np.ravel(output) for output in model.run(one[None])]
    if CASE in "ve":
        return b"".join(output.tobytes() for output in made)
    return orjson.dumps({"outputs": made}, option=orjson.OPT_SERIALIZE_NUMPY)


async def endpoint(request):
    """Answer; what takes longer than the hop goes to a thread."""
    body = await request.body()
    return Response(infer(body) if CASE == "t" else await asyncio.to_thread(infer, body))


if __name__ == "__main__":
    uvicorn.run(
        Starlette(routes=[Route("/infer", endpoint, methods=["POST"])]),
        host="127.0.0.1", port=PORT, log_level="error", access_log=False,
        http="httptools", loop="uvloop", lifespan="off",
    )  # fmt: skip
