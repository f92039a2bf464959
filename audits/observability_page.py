"""Writes docs/reference/observability.md: `python -m audits.observability_page CDK_OUT`.

Metrics and log keys are read from the lines that emitters write, graphs from the templates. The
assembly is one of a model with default settings; a shadow, tenants, a bank or a GPU service add
graphs.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from audits.dashboards import DOLLARS_A_MONTH, FREE_DASHBOARDS, Proven, examine
from audits.emitted import Emitted, emitted
from audits.log_keys import MEANINGS, log_lines
from falaj.contract import METRIC_NAMESPACE

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "observability.md"

_HEAD: Final = f"""# Observability

Written by `python -m audits.observability_page`; a test compares it with code and templates.

## Dashboards

Each model's stack makes a CloudWatch dashboard `falaj-<model>`, each GPU service `gpu-falaj-<model>`, and the API's stack one of what all models share, `falaj`.
`falaj:dashboards` chooses: `models` (the default) makes them all, `platform` the last one alone, `none` none.
An account has {FREE_DASHBOARDS} free, of at most 50 metrics each; each of these names fewer, but a search may find more. Each further one is {DOLLARS_A_MONTH:g} US dollars a month (aws.amazon.com/cloudwatch/pricing).
Three models beside the platform are therefore 3 dollars a month, a hundred 294.

The version that a stack published is named by its number; those that serve beside it are found by searches, since no template can know them.
`falaj audit dashboards` proves of an assembly that each metric that is drawn is one that somebody emits, under dimensions that it has, of resources that are there.
"""  # noqa: E501 - one sentence a line

_METRICS: Final = """## Metrics

Functions write theirs in their log lines (Embedded Metric Format), containers every ten seconds in theirs, under the same names.
A container also offers Prometheus' format on its own port, under Triton's `nv_inference_*` names ([container](container.md)).
All are in the namespace `Falaj`.

| metric | by | unit | who emits it |
|---|---|---|---|"""  # noqa: E501


_LOGS: Final = """## Log lines

Each request of a function leaves one line of JSON, each failure of a container (answers are counted, not described) and each request of a breaker another.
Below the least level (`FALAJ_LOG_LEVEL`) a line has its metrics and no more.
No line holds a token, a body, a path as it was asked, or what a refused caller sent.

| key | function | shadow | container | breaker | what it says |
|---|---|---|---|---|---|"""  # noqa: E501

_TRACES: Final = """
## Traces

A caller's W3C trace context (`traceparent`) is continued, not begun: its ids are in the line of the request, and the header goes on unchanged with its `tracestate` from a breaker to its service and from the gate to Triton, over REST and gRPC.
A copy for a shadow carries `traceparent` without what may stand behind its 55 characters, and no `tracestate`, since nothing is called with it.
A context that is not valid is ignored: it is in no line, and neither header goes on (w3.org/TR/trace-context, 3.2.2, 3.2.4 and 3.3.1).
What is not version 00 is read as far as 00 goes.
X-Ray's id (`xray_trace_id`) stands in the same lines, so that either finds the other; X-Ray's own context goes to a shadow by Lambda.
A container leaves a line of each failed request only, with the same ids; over gRPC they are taken from the call's metadata.
"""  # noqa: E501


def page(cdk_out: Path) -> str:
    """Return the page for an assembly.

    Raises:
        AssemblyError: There is no assembly, or it is broken.
    """
    graphs = _graphs(examine(cdk_out).dashboards)
    return "\n".join([_HEAD, *graphs, _METRICS, *_rows(), "", _LOGS, *_keys(), _TRACES])


def _keys() -> Iterator[str]:
    lines = log_lines()
    known = dict.fromkeys(key for line in lines.values() for key in line)
    yield from (
        f"| `{key}` | {' | '.join('✓' if key in line else '' for line in lines.values())} | "
        f"{MEANINGS[key]} |"
        for key in sorted(known, key=list(MEANINGS).index)
    )


def _graphs(dashboards: Sequence[Proven]) -> Iterator[str]:
    models = [each for each in dashboards if each.stack.startswith("FalajModel-")]
    others = [each for each in dashboards if not each.stack.startswith("FalajModel-")]
    for about, each in (("A model on Lambda", models[0]), ("What all models share", others[0])):
        yield f"### {about}: `{each.name}`"
        yield ""
        yield from (f"- {title}" for title in each.graphs)
        yield ""


def _rows() -> Iterator[str]:
    ours = [each for each in emitted() if each.namespace == METRIC_NAMESPACE]
    for name in sorted({each.name for each in ours}):
        named = [each for each in ours if each.name == name]
        yield f"| `{name}` | {_sets(named)} | {named[0].unit} | {_emitters(named)} |"


def _sets(named: Sequence[Emitted]) -> str:
    sets = (", ".join(sorted(each.dimensions)) or "no dimension" for each in named)
    return "; ".join(dict.fromkeys(sets))


def _emitters(named: Sequence[Emitted]) -> str:
    return "; ".join(dict.fromkeys(each.by for each in named))


def main(arguments: Sequence[str]) -> None:
    """Write the page for the assembly that is named."""
    PAGE.write_text(page(Path(arguments[0])), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
