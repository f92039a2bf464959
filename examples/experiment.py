"""An application with an experiment behind it: two hundred clinicians ask, some agree later.

python examples/experiment.py

Needs a region whose breast-cancer carries `examples/experiments/second-opinion.yaml`, and the
experiment started; docs/reference/experiments.md says how.
"""

import json
import random
import sys
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from oip import arguments

GOLDEN = Path(__file__).resolve().parents[1] / "models" / "breast-cancer" / "1" / "golden.json"
AGREED = {"control": 0.4, "second": 0.7}
"""How often a clinician really agrees, by arm: in life nobody knows."""


def main() -> None:
    """Ask as each clinician, and tell what she said of the answer."""
    parser = arguments("Sends requests under an experiment, and feedback for their answers.")
    parser.add_argument("--clinicians", type=int, default=200, help="how many ask")
    given = parser.parse_args()
    case = json.loads(GOLDEN.read_text("utf-8"))[0]["request"]
    rng, seen, agreed = random.Random(1), Counter[str](), Counter[str]()  # noqa: S311 - an example
    for number in range(given.clinicians):
        who = {"x-clinician": f"clinician-{number}"}
        headers, _ = post(given.url, "/v2/models/breast-cancer/infer", case, who)
        arm, inference = headers.get("x-falaj-variant"), headers["x-request-id"]
        if arm is None:
            sys.exit("no arm answered: is the experiment running? (falaj experiment status)")
        seen[arm] += 1
        if rng.random() < AGREED[arm]:
            agreed[arm] += 1
            told = {"inference_id": inference, "metric": "agreed", "value": True}
            post(given.url, "/v2/models/breast-cancer/feedback", told, {})
    for arm, count in sorted(seen.items()):
        print(f"{arm:10}{count:4} asked, {agreed[arm]:4} agreed")


def post(url: str, path: str, body: object, headers: dict[str, str]) -> tuple[Any, Any]:
    """Send JSON; return the answer's headers and document."""
    request = urllib.request.Request(  # noqa: S310 - the address is the caller's own
        url + path, json.dumps(body).encode(), {"content-type": "application/json", **headers}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
            return answer.headers, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            sys.exit(f"{path}: {error.code} {error.read().decode()[:300]}")
    except (urllib.error.URLError, OSError) as error:
        sys.exit(f"nothing answers at {url} ({error}); start it with `falaj up`")


if __name__ == "__main__":
    main()
