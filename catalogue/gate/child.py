"""The child process: limits itself, reads one model, writes one report.

Started as `python -m catalogue.gate.child` with the order as JSON on standard input. Writes JSON
lines to standard output: `{"stage": …}` as it goes, then `{"findings": …}`, `{"answered": […]}`,
`{"refused": …}` or `{"exhausted": "memory"}`.
"""

import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalogue.gate.limits import Limits
from falaj.domain.signature import ModelSignature

if TYPE_CHECKING:
    from catalogue.gate.examination import Admitted


def limit(limits: Limits) -> None:
    """Lower this process's limits for good; must come before any byte of the model is read."""
    memory = limits.memory_mib << 20
    wanted = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: limits.cpu_s,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits.model_bytes,
    }
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # At the soft limit of processor time comes SIGXCPU, which names its cause; at the hard one
        # SIGKILL, which does not. For the others they are the same.
        grace = 1 if kind == resource.RLIMIT_CPU and soft == value else 0
        resource.setrlimit(kind, (soft, soft + grace))


def main() -> None:
    """Carry out the order on standard input."""
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Native code writes to descriptor 1 as it pleases; it must not be taken for a report.
    os.dup2(2, 1)
    order = json.load(sys.stdin)
    limit(Limits.from_dict(order["limits"]))

    def write(line: dict[str, Any]) -> None:
        report.write(json.dumps(line) + "\n")
        report.flush()

    write(_examine(order, write))


def _examine(order: dict[str, Any], write: Any) -> dict[str, Any]:  # noqa: ANN401 - a local function
    from catalogue.gate.refusal import Refusal  # noqa: PLC0415 - after the limits hold

    try:
        if "rows" in order:
            return _answered(order)
        admitted = _admitted(order, lambda stage: write({"stage": stage}))
    except Refusal as refusal:
        return {"refused": str(refusal)}
    except MemoryError:
        return {"exhausted": "memory"}
    Path(order["admitted"]).write_bytes(admitted.data)
    return {"findings": admitted.findings.to_dict()}


def _answered(order: dict[str, Any]) -> dict[str, Any]:
    from catalogue.gate.answering import answer_rows  # noqa: PLC0415 - as above

    names = answer_rows(
        Path(order["model"]).read_bytes(),
        Path(order["rows"]),
        Path(order["admitted"]),
        inputs=order["inputs"],
        is_joined=order["is_joined"],
    )
    return {"answered": names}


def _admitted(order: dict[str, Any], say: Callable[[str], None]) -> "Admitted":
    data, cases = Path(order["model"]).read_bytes(), order["golden"]
    if "members" in order:
        from catalogue.gate.graph_examination import Member, admit_graph  # noqa: PLC0415 - as above

        members = [Member.from_dict(each) for each in order["members"]]
        return admit_graph(data, ModelSignature.from_dict(order["signature"]), members, cases, say)
    from catalogue.gate.examination import admit  # noqa: PLC0415 - as above

    return admit(data, cases, say)


if __name__ == "__main__":
    main()
