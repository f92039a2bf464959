"""Six tumours that no model was trained on: what it says, and what they were.

python examples/breast_cancer.py
"""

import json
from pathlib import Path

from oip import arguments, bar, infer, tensor

GOLDEN = Path(__file__).resolve().parents[1] / "models" / "breast-cancer" / "1" / "golden.json"
DIAGNOSES = ("malignant", "benign")


def main() -> None:
    """Print the model's opinion beside the pathologist's."""
    parser = arguments("Tells malignant from benign tumours by 30 measurements.")
    parser.add_argument("--version", default="", help="ask this version instead of the live one")
    given = parser.parse_args()
    cases = json.loads(GOLDEN.read_text("utf-8"))
    rows = [case["request"]["inputs"][0]["data"] for case in cases]
    known = [case["expect"]["outputs"][0]["data"][0] for case in cases]
    answer = infer(given.url, "breast-cancer", tensor("features", "FP32", rows), given.version)
    print(f"{'tumour':8}{'the model says':16}{'the pathologist said':22}probability of benign")
    for index, truth in enumerate(known):
        says, benign = answer["label"][index], answer["probabilities"][2 * index + 1]
        print(f"{index + 1:<8}{DIAGNOSES[says]:16}{DIAGNOSES[truth]:22}{bar(benign)} {benign:6.1%}")
    right = sum(a == b for a, b in zip(answer["label"], known, strict=True))
    print(f"{right} of {len(known)} right. Teaching data, not medical advice.")


if __name__ == "__main__":
    main()
