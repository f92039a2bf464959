"""What is this file? Ask the model, which never sees its name.

python examples/file_type.py ~/Downloads/*
"""

import sys
from pathlib import Path

from oip import arguments, bar, infer, tensor

MODEL = Path(__file__).resolve().parents[1] / "models" / "file-type"
sys.path.append(str(MODEL))

from file_type_codec import LABELS, TooFewBytesError, decode, encode  # noqa: E402 - found above


def main() -> None:
    """Print a line for each file."""
    parser = arguments("Tells what files are by their bytes alone.")
    parser.add_argument("files", nargs="*", type=Path, default=sorted(MODEL.glob("samples/*")))
    given = parser.parse_args()
    readable: dict[str, list[int]] = {}
    for path in given.files:
        if not path.is_file():
            continue
        try:
            readable[path.name] = encode(path.read_bytes())
        except TooFewBytesError as error:
            print(f"{path.name:24.24}  {error}")
    if not readable:
        sys.exit("no file to look at; name some")
    rows = tensor("bytes", "INT32", list(readable.values()))
    scores = infer(given.url, "file-type", rows)["target_label"]
    for index, name in enumerate(readable):
        verdict = decode(scores[index * len(LABELS) : (index + 1) * len(LABELS)])
        print(
            f"{name:24.24}  {verdict.description:32.32}  {verdict.mime_type:28.28}  "
            f"{bar(verdict.score)} {verdict.score:4.0%}"
        )


if __name__ == "__main__":
    main()
