"""Foundation models answer in the region."""

import re
from typing import Final

from policies.rule import ALL, Rule, mention

_PROFILE: Final = re.compile(
    r"(?<![\w.-])(?:global|us|us-gov|eu|apac|au|jp|ca|mea)\.(?:amazon|anthropic|meta|mistral|deepseek|cohere|ai21|stability|writer|twelvelabs|openai|qwen)\.[\w.:-]+"
)


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
    check=mention(
        _PROFILE.findall, "names the inference profile {found}, which runs in other regions"
    ),
)
