"""A report of drift as one HTML page: no script, nothing fetched, readable on paper.

Names may be in any script: each stands isolated, in its own direction.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

_STYLE: Final = """
body{font:16px/1.5 system-ui,"Noto Sans","Noto Naskh Arabic",sans-serif;max-width:56rem;
margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
h1,h2{line-height:1.2}h2{margin-top:2.5rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:start;padding:.15rem .6rem .15rem 0;font-variant-numeric:tabular-nums}
td.n{text-align:end;white-space:nowrap;width:4.5rem}
.bar{display:block;height:.6rem;min-width:1px}
.was{background:#8a8a8a}.now{background:#0b6e99}.off .now{background:#b3261e}
.state{font-weight:700}.note{color:#555}
@media print{body{margin:0;max-width:none}h2{break-after:avoid}table{break-inside:avoid}}
"""
_SAYS: Final = {
    "drifted": "Drifted: in two of the last three windows, further than chance and than delta.",
    "steady": "Steady: nothing was further off than chance and delta in two of three windows.",
    "not_enough": "Not enough requests: fewer than two of the last three windows can be judged.",
}


def page(report: Mapping[str, Any]) -> str:
    """Write the page of a report, the worst feature first.

    Args:
        report: What `Look.to_dict` says, and `at`, when it was said.
    """
    name = f"{escape(report['model'])} {report['version']}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>Drift of {name}</title><style>{_STYLE}</style></head><body>",
            f"<h1>Drift of {name}</h1>",
            f'<p class="state">{_SAYS[report["state"]]}</p>',
            *_summary(report),
            *(line for feature in report["features"] for line in _feature(feature)),
            "</body></html>",
            "",
        ]
    )


def _summary(report: Mapping[str, Any]) -> Iterator[str]:
    rules = report["rules"]
    yield (
        f'<p class="note">Said at {escape(report["at"])}. '
        f"Delta {rules['delta']:g}; at most {rules['false_alarm']:.2%} of looks may be wrong. "
        '<span class="was">&emsp;</span> reference, <span class="now">&emsp;</span> newest window.'
        "</p>"
    )
    yield "<table><tr><th>window from (UTC)</th><th>rows</th><th>shifted</th></tr>"
    for window in report["windows"]:
        since = datetime.fromtimestamp(window["since"], UTC).strftime("%Y-%m-%d %H:%M")
        shifted = ", ".join(_name(each) for each in window["shifted"]) or "none"
        yield f"<tr><td>{since}</td><td>{window['rows']:,}</td><td>{shifted}</td></tr>"
    yield "</table>"


def _feature(feature: Mapping[str, Any]) -> Iterator[str]:
    yield f"<section{' class=off' if feature['drifted'] else ''}>"
    yield f"<h2>{_name(feature['name'])}</h2>"
    yield f'<p class="note">{_figures(feature)}</p>'
    known, now = sum(feature["reference"]) or 1, sum(feature["counts"]) or 1
    yield "<table><tr><th>bin</th><th></th><th>reference</th><th>now</th></tr>"
    for label, was, present in zip(
        feature["labels"], feature["reference"], feature["counts"], strict=True
    ):
        if not was and not present:
            continue
        before, after = was / known, present / now
        bars = "".join(
            f'<span class="bar {kind}" style="width:{share:.2%}"></span>'
            for kind, share in (("was", before), ("now", after))
        )
        yield (
            f"<tr><td>{escape(label)}</td><td style='width:60%'>{bars}</td>"
            f'<td class="n">{before:.1%}</td><td class="n">{after:.1%}</td></tr>'
        )
    yield "</table></section>"


def _figures(feature: Mapping[str, Any]) -> str:
    side = "asked" if feature["side"] == "input" else "answered"
    if feature["psi"] is None:
        return f"{side}; too few rows in the newest window to compare"
    said = "has drifted" if feature["drifted"] else "has not drifted"
    return (
        f"{side}; {said}; stability index {feature['psi']:.3f} (bias taken off), "
        f"χ² {feature['chi_squared']:.1f} with {feature['degrees']} degrees, "
        f"p = {feature['p_value']:.2g}"
    )


def _name(name: str) -> str:
    return f'<bdi dir="auto">{escape(name)}</bdi>'
