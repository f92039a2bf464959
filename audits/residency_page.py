"""The evidence pack as one page that needs nothing but itself."""

from collections import defaultdict
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Final

from audits.residency import ControlResult, Evidence
from falaj.contract import REGION
from policies.exceptions import Waiver
from policies.rule import Rule

_STYLE: Final = Path(__file__).with_suffix(".css")
_NOTHING_ELSE: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""The page loads nothing, and runs nothing."""
_COLOURS: Final = {
    "passed": "good",
    "passed with exceptions": "warn",
    "nothing to check": "soft",
    "failed": "bad",
    "no check": "bad",
}


SHOWN_RULES: Final = 3
"""Rules that are listed at once; more are folded."""


def page(evidence: Evidence) -> str:
    """Return the page."""
    sections = (
        ("Findings", "findings", _findings(evidence)),
        ("Laws and standards", "controls", _controls(evidence.controls)),
        ("Exceptions", "exceptions", _exceptions(evidence)),
        ("Exceptions from other tools", "others", _others(evidence.others)),
        ("Stacks", "stacks", _stacks(evidence)),
        ("Rules", "rules", _rules(evidence)),
        ("Resources", "resources", _resources(evidence)),
        ("Records of requests", "records", _records(evidence)),
        ("Templates", "templates", _templates(evidence)),
        ("Tools", "tools", _table(("tool", "version"), evidence.tools.items())),
    )
    links = "".join(f'<a href="#{id_}">{title}</a>' for title, id_, _ in sections)
    body = "".join(f'<h2 id="{id_}">{title}</h2>{text}' for title, id_, text in sections)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_NOTHING_ELSE}">'
        f"<title>Residency evidence, {escape(', '.join(evidence.profiles))}</title>"
        f"<style>{_STYLE.read_text(encoding='utf-8')}</style></head><body>"
        f"{_head(evidence)}<nav>{links}</nav>{body}</body></html>\n"
    )


def _head(evidence: Evidence) -> str:
    made = evidence.made.strftime("%d %B %Y, %H:%M UTC")
    faults = len(evidence.faults)
    verdict = (
        '<p class="verdict good">Every rule is met, or answered by a standing exception</p>'
        if not faults
        else f'<p class="verdict bad">{faults} fault{"s" * (faults != 1)} to mend</p>'
    )
    figures = (
        (len(evidence.rules), "rules"),
        (len(evidence.evaluation.looked), "resources looked at"),
        (len(evidence.review.open), "open findings"),
        (len(evidence.waivers), "exceptions from them"),
        (len(evidence.templates), "templates"),
    )
    items = "".join(f"<li><b>{number}</b>{label}</li>" for number, label in figures)
    return (
        "<h1>Residency and security evidence</h1>"
        f'<p class="soft">Falaj in {REGION} (United Arab Emirates), profile '
        f"{escape(', '.join(evidence.profiles) or 'unknown')}; made {made} from the synthesized "
        "templates, before deployment.</p>"
        f'{verdict}<ul class="figures">{items}</ul>'
        '<p class="small soft">What it shows: no template of this assembly asks AWS for anything '
        "that the rules below refuse. What it does not show: what was changed by hand in the "
        "account afterwards, what a person may do with rights of his own, or that a law is "
        "complied with as a whole; the readings of the laws are ours, and their texts bind.</p>"
    )


def _findings(evidence: Evidence) -> str:
    if not evidence.faults:
        return "<p>None.</p>"
    items = "".join(f"<li><code>{escape(fault)}</code></li>" for fault in evidence.faults)
    return f'<ul class="bad">{items}</ul>'


def _controls(results: Iterable[ControlResult]) -> str:
    by_document: dict[tuple[str, str], list[ControlResult]] = defaultdict(list)
    for result in results:
        by_document[result.control.document, result.control.link].append(result)
    parts = []
    for (document, link), entries in by_document.items():
        rows = "".join(
            f'<tr id="{r.control.id}"><td><code>{r.control.id}</code></td>'
            f"<td>{escape(r.control.place)}</td><td>{escape(r.control.demand)}</td>"
            f'<td>{_links(r.rules)}</td><td class="number">{r.resources}</td>'
            f'<td class="verdict-cell {_COLOURS[r.verdict]}">{r.verdict}</td></tr>'
            for r in entries
        )
        heading = _headings(
            "control", "place", "what it asks for", "checked by", "resources", "result"
        )
        parts.append(
            f'<h3><a href="{escape(link)}">{escape(document)}</a></h3>'
            f'<div class="scroll"><table>{heading}{rows}</table></div>'
        )
    return "".join(parts)


def _exceptions(evidence: Evidence) -> str:
    if not evidence.waivers:
        return "<p>None.</p>"
    excused = [waiver for _, waiver in evidence.review.excused]
    rows = "".join(_exception(waiver, excused.count(waiver)) for waiver in evidence.waivers)
    heading = _headings("rule", "resource", "reason", "evidence", "approver", "until", "findings")
    return f'<div class="scroll"><table>{heading}{rows}</table></div>'


def _exception(waiver: Waiver, findings: int) -> str:
    return (
        f"<tr><td>{_links([waiver.rule])}</td><td><code>{escape(waiver.resource)}</code></td>"
        f'<td dir="auto">{escape(waiver.reason)}</td><td>{_evidence(waiver)}</td>'
        f'<td dir="auto">{escape(waiver.approver)}</td><td class="date">{waiver.expires}</td>'
        f'<td class="number">{findings}</td></tr>'
    )


def _evidence(waiver: Waiver) -> str:
    text = f"<code>{escape(waiver.evidence)}</code>"
    is_page = waiver.evidence.startswith("https://")
    return f'<a href="{escape(waiver.evidence)}">{text}</a>' if is_page else text


def _others(waivers: Iterable[Waiver]) -> str:
    """Write what cdk-nag and cfn-lint are answered; both run in `make check` on all stacks."""
    rows = "".join(
        f"<tr><td><code>{escape(w.rule)}</code></td><td><code>{escape(w.resource)}</code></td>"
        f'<td dir="auto">{escape(w.reason)}</td><td>{_evidence(w)}</td>'
        f'<td dir="auto">{escape(w.approver)}</td><td class="date">{w.expires}</td></tr>'
        for w in waivers
    )
    if not rows:
        return "<p>None.</p>"
    heading = _headings("rule", "resource", "reason", "evidence", "approver", "until")
    return (
        "<details><summary>cdk-nag (AwsSolutions, Serverless, NIST 800-53 rev 5) and cfn-lint, "
        "which <code>make check</code> runs</summary>"
        f'<div class="scroll"><table>{heading}{rows}</table></div></details>'
    )


def _stacks(evidence: Evidence) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(stack.name)}</code></td>"
        f"<td>{escape(stack.region or 'that of its parent')}</td>"
        f"<td>{escape(stack.account or 'that of the credentials')}</td>"
        f"<td>{escape(', '.join(f'{key}={value}' for key, value in stack.tags.items()))}</td></tr>"
        for stack in evidence.stacks
    )
    heading = _headings("stack", "region", "account", "tags")
    return f'<div class="scroll"><table>{heading}{rows}</table></div>'


def _rules(evidence: Evidence) -> str:
    looked: dict[str, int] = defaultdict(int)
    for resource in evidence.evaluation.looked:
        for rule in resource.rules:
            looked[rule] += 1
    broken: dict[str, int] = defaultdict(int)
    for finding in evidence.review.open:
        broken[finding.rule] += 1
    rows = "".join(_rule(rule, looked[rule.id], broken[rule.id]) for rule in evidence.rules)
    heading = _headings("rule", "what holds, and why", "serves", "resources", "open")
    return f'<div class="scroll"><table>{heading}{rows}</table></div>'


def _rule(rule: Rule, looked: int, broken: int) -> str:
    colour = "bad" if broken else "soft"
    return (
        f'<tr id="{rule.id}"><td><code>{rule.id}</code></td><td><b>{escape(rule.title)}.</b> '
        f'{escape(rule.reason)} <a class="small" href="{escape(rule.source)}">source</a></td>'
        f'<td class="small">{_served(rule)}</td>'
        f'<td class="number">{looked}</td><td class="number {colour}">{broken}</td></tr>'
    )


def _served(rule: Rule) -> str:
    return ", ".join(f'<a href="#{control}">{control}</a>' for control in rule.controls)


def _resources(evidence: Evidence) -> str:
    by_stack: dict[str, list[str]] = defaultdict(list)
    for looked in evidence.evaluation.looked:
        stack, _, id_ = looked.resource.partition("/")
        by_stack[stack].append(
            f"<tr><td><code>{escape(id_ or 'the stack itself')}</code></td>"
            f"<td>{escape(looked.type)}</td>"
            f'<td class="number" title="{escape(", ".join(looked.rules))}">{len(looked.rules)}'
            "</td></tr>"
        )
    heading = _headings("resource", "type", "rules")
    return "".join(
        f"<details><summary>{escape(stack)} <span class='soft'>({len(rows)})</span></summary>"
        f'<div class="scroll"><table>{heading}{"".join(rows)}</table></div></details>'
        for stack, rows in by_stack.items()
    )


def _records(evidence: Evidence) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(r.resource)}</code></td><td>{r.kind}</td>"
        f"<td><code>{escape(r.log_group)}</code></td>"
        f'<td class="number">{"unknown" if r.days is None else r.days}</td>'
        f"<td><code>{escape(r.format)}</code></td></tr>"
        for r in evidence.records
    )
    heading = _headings("written by", "kind", "log group", "days", "of each request")
    return (
        "<p>What API Gateway itself refuses (authorizer, firewall, usage plan) is in its access "
        "log alone; every other request, refused ones too, is in the audit trail where the profile "
        f'keeps one.</p><div class="scroll"><table>{heading}{rows}</table></div>'
    )


def _templates(evidence: Evidence) -> str:
    return _table(("template", "SHA-256"), evidence.templates.items())


def _table(headings: tuple[str, str], pairs: Iterable[tuple[str, str]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(left)}</td><td><code>{escape(right)}</code></td></tr>"
        for left, right in pairs
    )
    return f'<div class="scroll"><table>{_headings(*headings)}{rows}</table></div>'


def _headings(*names: str) -> str:
    cells = "".join(f'<th scope="col">{name}</th>' for name in names)
    return f"<thead><tr>{cells}</tr></thead>"


def _links(rules: Iterable[str]) -> str:
    links = (f'<a href="#{escape(rule)}"><code>{escape(rule)}</code></a>' for rule in rules)
    listed = [*links]
    text = "<br>".join(listed) or "nothing"
    if len(listed) <= SHOWN_RULES:
        return text
    return f"<details><summary>{len(listed)} rules</summary>{text}</details>"
