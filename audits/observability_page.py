"""Writes docs/reference/observability.md: `python -m audits.observability_page CDK_OUT`.

Metrics are read from the lines that emitters write, graphs from the templates. The assembly is one
of a model with default settings; a shadow, tenants, a bank or a GPU service add graphs.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from audits.dashboards import DOLLARS_A_MONTH, FREE_DASHBOARDS, Proven, examine
from audits.emitted import Emitted, emitted
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


def page(cdk_out: Path) -> str:
    """Return the page for an assembly.

    Raises:
        AssemblyError: There is no assembly, or it is broken.
    """
    return "\n".join([_HEAD, *_graphs(examine(cdk_out).dashboards), _METRICS, *_rows(), ""])


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
