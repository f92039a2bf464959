"""Foundation models answer in the region."""

import re
from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import ALL, Rule

_WHERE: Final = "global|us|us-gov|eu|apac|amer|emea|au|jp|ca|in|me|mea|sa|af|il|ae"
_PROVIDERS: Final = (
    "amazon|anthropic|meta|mistral|deepseek|cohere|ai21|stability|writer|twelvelabs|openai|qwen|"
    "luma|nvidia|google|moonshot|moonshotai|minimax|zai|xai"
)
_PROFILE: Final = re.compile(
    rf"(?i)(?<![\w.-])(?:(?:{_WHERE})\.(?:{_PROVIDERS})\.[\w.:-]+"
    rf"|(?:{_WHERE})\.[a-z0-9]+\.[\w-]+-v\d+:\d+"
    r"|[a-z-]{2,7}\.guardrail\.v\d+:\d+)"
)
"""A system-defined profile is a model's id after the name of a geography; the second form knows it
by shape, so that a provider of tomorrow is seen."""


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for path, text in resource.texts:
        if "." in text:
            for found in _PROFILE.findall(text):
                yield f"{path} names the inference profile {found}, which runs in other regions"
    if resource.properties.get("CrossRegionConfig"):
        yield "CrossRegionConfig sends what a guardrail reads to other regions; remove it"


RULE = Rule(
    id="residency.global-inference-profile",
    title="No inference profile that crosses regions",
    reason=(
        "A cross-region inference profile sends prompts to whichever region has room; a "
        "global one, to any."
    ),
    source="https://docs.aws.amazon.com/bedrock/latest/userguide/cross-region-inference.html",
    controls=("PDPL-22", "PDPL-23", "HEALTH-13", "CBUAE-6.1", "CBUAE-6.3", "ISO-5.34"),
    types=ALL,
    check=_check,
)
