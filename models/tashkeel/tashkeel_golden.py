"""Writes `1/golden.json`: sentences whose diacritics are beyond dispute.

Run `python models/tashkeel/tashkeel_golden.py` after changing a sentence.
"""

from pathlib import Path
from typing import Any, Final

from tashkeel_codec import classes_of, encode

from catalogue.writing import write_json_lines

HERE: Final = Path(__file__).parent
SENTENCES: Final = {
    "basmala": "بِسْمِ اللَّهِ الرَّحْمَنِ الرَّحِيمِ",
    "Qur'an 96:1": "اقْرَأْ بِاسْمِ رَبِّكَ الَّذِي خَلَقَ",
    "greeting": "السَّلَامُ عَلَيْكُمْ وَرَحْمَةُ اللَّهِ وَبَرَكَاتُهُ",
    "a schoolbook sentence": "قَرَأَ الطَّالِبُ كِتَابًا مُفِيدًا فِي الْمَكْتَبَةِ",
}
"""Fully diacritised; long vowels, the article's alif and assimilated lam bear no mark."""


def cases() -> list[dict[str, Any]]:
    """Return a case for each sentence: the bare text in, every mark as written out."""
    return [_case(name, sentence) for name, sentence in SENTENCES.items()]


def _case(name: str, sentence: str) -> dict[str, Any]:
    return {
        "name": name,
        "request": {"inputs": [_tensor("input", encode(sentence))]},
        "expect": {"outputs": [_tensor("gated_cls", classes_of(sentence))]},
        "atol": 0,
        "rtol": 0,
    }


def _tensor(name: str, row: list[int]) -> dict[str, Any]:
    return {"name": name, "datatype": "INT64", "shape": [1, len(row)], "data": row}


if __name__ == "__main__":
    write_json_lines(HERE / "1" / "golden.json", cases())
