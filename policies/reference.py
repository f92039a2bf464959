"""Writes docs/reference/policies.md from the rules themselves: `python -m policies.reference`."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from policies.controls import CONTROLS
from policies.exceptions import LONGEST_DAYS
from policies.registry import RULES
from policies.rule import Rule
from policies.vagueness import LEAST_REASON

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "policies.md"

_HEAD: Final = f"""# Policies

Written by `python -m policies.reference`; a test compares it with the rules.

{len(RULES)} rules look at finished templates, so that raw and third-party resources are seen as \
well as our own.
They run while synthesizing for Lambda (a violation fails `cdk synth`), in \
`falaj audit residency`, and in the tests.
A build for this machine (`python app.py`, `falaj up`) answers for the residency rules alone, \
under the same exceptions.
Each rule is one file, `policies/<family>/<name>.py`; beside it, in `<name>.yaml`, lie a template \
that complies and one that does not.

Intrinsics are resolved before a rule looks, and every way that a template's conditions can fall \
is tried.
JSON, base64 and escapes inside a string are read as well, and so are metadata and descriptions.
A region, account, image or range of addresses that only deployment decides is refused, and so is \
every service that nobody has read \
([decision 0028](../decisions/0028-what-nobody-read-is-refused.md)).
What cannot be looked into (a macro, a custom resource, an unreadable value) is refused by \
`residency.opaque-template`.

## Exceptions

`policies/exceptions.yaml` is the only place where a finding may be answered; acknowledging it in \
code does not help.
An entry names `rule`, `resource` (`Stack/LogicalId`; `*` for a part of a name, never a whole), \
`reason` (at least {LEAST_REASON} characters), `evidence`, `approver` and `expires` (at most \
{LONGEST_DAYS} days ahead), and may name `profiles`; \
`optional: true` marks stacks that only some catalogues have.
Vague, expired and unused entries fail the audit and the tests.
Where a model's `data_class` is `health`, no exception from a residency rule is accepted.
The file answers for cdk-nag (construct paths; `…` stands for any text in a finding's id) and \
cfn-lint as well.

```console
$ falaj audit residency --html evidence.html
$ falaj audit iam
```

## Rules
"""


def reference() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *_rules(), *_controls(), ""])


def _rules() -> Iterator[str]:
    for family, rules in groupby(RULES, key=lambda rule: rule.family):
        yield f"### {family}\n"
        for rule in rules:
            yield _rule(rule)


def _rule(rule: Rule) -> str:
    serves = ", ".join(rule.controls)
    return f"- **`{rule.id}`**: {rule.title}. {rule.reason} ([source]({rule.source}); {serves})"


def _controls() -> Iterator[str]:
    yield "\n## Laws and standards\n"
    yield "Our reading, in our words; the texts bind.\n"
    yield "| id | document | place | what is checked for |\n|---|---|---|---|"
    for control in CONTROLS:
        yield (
            f"| {control.id} | [{control.document}]({control.link}) | {control.place} "
            f"| {control.demand} |"
        )


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
