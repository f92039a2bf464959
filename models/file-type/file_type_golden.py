"""Writes `1/golden.json`: real files of known kind, and the scores that must single it out.

Run `python models/file-type/file_type_golden.py` after changing a sample.
"""

from pathlib import Path
from typing import Any, Final

from file_type_codec import LABELS, encode

from catalogue.writing import write_json_lines

HERE: Final = Path(__file__).parent
KINDS: Final = {
    "fields.sqlite": "sqlite",
    "gradient.png": "png",
    "page.pdf": "pdf",
    "share.py.txt": "python",
    "tone.wav": "wav",
}
"""What each sample is, known because it was written so (by hand, or sqlite3, zlib and wave)."""

MOST_DOUBT: Final = 0.05


def cases() -> list[dict[str, Any]]:
    """Return a case for each sample: at least 0.95 on its kind, at most 0.05 on any other."""
    return [_case(name, kind) for name, kind in KINDS.items()]


def _case(name: str, kind: str) -> dict[str, Any]:
    content = (HERE / "samples" / name).read_bytes()
    scores = [1.0 if label == kind else 0.0 for label in LABELS]
    return {
        "name": f"{name} is {kind}",
        "request": {"inputs": [_tensor("bytes", "INT32", encode(content))]},
        "expect": {"outputs": [_tensor("target_label", "FP32", scores)]},
        "atol": MOST_DOUBT,
        "rtol": 0.0,
    }


def _tensor(name: str, datatype: str, row: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [1, len(row)], "data": row}


if __name__ == "__main__":
    write_json_lines(HERE / "1" / "golden.json", cases())
