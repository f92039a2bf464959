"""Gives Arabic text its vowels back.

python examples/tashkeel.py "قرأ الطالب كتابا مفيدا في المكتبة"
"""

import sys
from pathlib import Path

from oip import arguments, infer, tensor

sys.path.append(str(Path(__file__).resolve().parents[1] / "models" / "tashkeel"))

from tashkeel_codec import decode, encode

SENTENCES = ["السلام عليكم ورحمة الله وبركاته", "قرأ الطالب كتابا مفيدا في المكتبة"]


def main() -> None:
    """Print each sentence as it was given and as it is read aloud."""
    parser = arguments("Restores the diacritics of Arabic sentences.")
    parser.add_argument("sentences", nargs="*", default=SENTENCES)
    given = parser.parse_args()
    for sentence in filter(str.strip, given.sentences):
        # One sentence a request: int8 quantisation would let them change each other's answers.
        rows = tensor("input", "INT64", [encode(sentence)])
        classes = infer(given.url, "tashkeel", rows)["gated_cls"]
        print(f"{sentence}\n{decode(sentence, classes)}\n")


if __name__ == "__main__":
    main()
