"""What is not emulated: one table, printed by `falaj up` and kept in the docs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from local_region.resources.registry import KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that AWS does and this region does not."""

    what: str
    sentence: str


_GENERAL: Final = (
    Gap(
        what="Network",
        sentence="Everything listens on 127.0.0.1, over plain HTTP but for custom domains; no VPC.",
    ),
    Gap(
        what="Credentials",
        sentence="Before AWS's services, signatures are read to find the service; nobody is "
        "refused for a bad one. The API checks signatures and tokens, of this machine's own "
        "credentials and issuer, and of the users and roles that are made here with IAM's own "
        "calls. This machine's own credentials may call everything; of others their policies are "
        "asked, in which a denial with conditions always holds and an allowance with conditions "
        "never does. Roles of the templates cannot be assumed.",
    ),
    Gap(
        what="Architecture",
        sentence="Functions run on this machine's processor, whatever the template says.",
    ),
    Gap(
        what="Frozen environments",
        sentence="A function's threads go on after its answer; Lambda freezes them, unless an "
        "extension has work left.",
    ),
    Gap(
        what="External extensions",
        sentence="Internal extensions register and are waited for; programs in /opt/extensions are "
        "not started, and nobody is told of a shutdown.",
    ),
    Gap(
        what="Timeouts",
        sentence="On Linux, time in which a process stood in line for a processor of this machine "
        "is left out of every timeout; Lambda gives each environment its share.",
    ),
    Gap(
        what="API Gateway throttling",
        sentence="Usage plans are applied; rate limits of stages and accounts are not.",
    ),
    Gap(
        what="API Gateway headers",
        sentence="Answers carry x-amz-executed-version, which AWS keeps to itself; REST events "
        "have header names in lower case, as HTTP/2 clients send them.",
    ),
    Gap(
        what="Bootstrap",
        sentence="The CDK's bootstrap version rule is not checked, since nothing is bootstrapped.",
    ),
    Gap(
        what="Metrics of other services",
        sentence="Functions' own metrics and Lambda's are there, but for ConcurrentExecutions; "
        "those of queues, tables, gateways and ECS are not, so alarms and graphs of them see no "
        "data.",
    ),
    Gap(
        what="Drift and rollback of stacks",
        sentence="A stack that fails half-way stays half-way; mend the template and go on.",
    ),
)


def gaps() -> tuple[Gap, ...]:
    """Return every gap: the general ones, then those of resource types in alphabetical order."""
    return (*_GENERAL, *_of_kinds())


def _of_kinds() -> Iterator[Gap]:
    for name, kind in sorted(KINDS.items()):
        if kind.note is not None:
            yield Gap(what=name, sentence=kind.note)
