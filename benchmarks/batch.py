"""Rows a second of a batch beside a plain loop over the engine, on the same rows in one run.

    python -m benchmarks.batch [ROWS]

Three ways through the same rows of `breast-cancer` (30 floats), all on one thread of this process:
the engine alone, a row at a time, with tensors that are ready; a loop that parses each line,
builds its tensor, runs it and writes the answer, as a script would; and a batch's shard, which
checks each record as serving does, joins rows, and gives each its key. Processor time, the least
of three turns.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import orjson

from falaj.batch.answering import outcomes
from falaj.batch.lines import lines_of
from falaj.batch.reading import CsvReader, JsonReader
from falaj.batch.shards import Format, Shard
from falaj.config.settings import Settings
from falaj.engines.engine import Tensor
from falaj.engines.repository import ServedModel
from falaj.entrypoints.serving import repository_from_settings

ROWS = 20_000
TURNS = 3
MODEL_ROOT = Path(".build/models")
LOOP = "plain loop over JSON Lines"


def main(count: int) -> None:
    """Print the table."""
    model = repository_from_settings(Settings(model_root=str(MODEL_ROOT))).model("breast-cancer")
    rows = np.random.default_rng(0).uniform(0, 20, (count, 30)).astype(np.float32)
    texts = [orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) for row in rows]
    lines = b"\n".join(b'{"id":"r%d","features":%s}' % pair for pair in enumerate(texts)) + b"\n"
    header = b"id," + b",".join(b"c%d" % n for n in range(30)) + b"\n"
    table = header + b"".join(b"r%d,%s\n" % (n, text[1:-1]) for n, text in enumerate(texts))
    ways: dict[str, Callable[[], int]] = {
        "engine alone, row by row": partial(engine, model, rows),
        LOOP: partial(loop, model, lines),
        "batch, JSON Lines": partial(batch, model, lines, Format.JSON_LINES),
        "batch, CSV": partial(batch, model, table, Format.CSV),
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(TURNS):
        for name, act in ways.items():
            begun = time.process_time()
            answered = act()
            best[name] = min(best[name], time.process_time() - begun)
            if answered != count:
                raise SystemExit(f"{name}: {answered} of {count} answered")
    for name, seconds in best.items():
        ratio = best[LOOP] / seconds
        print(f"{name:28} {count / seconds:10,.0f} rows/s   {ratio:5.2f} × the plain loop")


def engine(model: ServedModel, rows: Tensor) -> int:
    """Run rows that are ready, one by one."""
    names = model.check.output_names
    return sum(len(model.engine.run({"features": row[None]}, names)[0]) for row in rows)


def loop(model: ServedModel, lines: bytes) -> int:
    """Parse, run and write each line, as a script would."""
    names, answers = model.check.output_names, []
    for line in lines.splitlines():
        record = orjson.loads(line)
        outputs = model.engine.run({"features": np.array([record["features"]], np.float32)}, names)
        told = dict(zip(names, [output.tolist() for output in outputs], strict=True))
        answers.append(orjson.dumps({"key": record["id"], "outputs": told}))
    return len(answers)


def batch(model: ServedModel, content: bytes, format_: Format) -> int:
    """Answer the same as a shard."""
    shard = Shard(number=0, object="rows", etag="", start=0, end=len(content), format=format_)
    records = lines_of(content, shard)
    is_csv = format_ is Format.CSV
    reader = CsvReader(next(records).text, model) if is_csv else JsonReader(model)
    return sum(each.is_answered for each in outcomes(records, reader, model))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
