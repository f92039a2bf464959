"""Files of the catalogue, written so that people can compare them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_json_lines(path: Path, cases: Sequence[Mapping[str, Any]]) -> None:
    """Write a JSON list with one element a line."""
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
