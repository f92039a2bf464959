"""One rule: what it looks at, what it refuses, why, and who says so."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from policies.application import Resource, View

ALL: Final = ("*",)
"""Every resource, and the stack itself."""

Check: TypeAlias = Callable[[Resource, View], Iterator[str]]
"""Yields a sentence for each fault of a resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of the pack; the only one in its file.

    Attributes:
        id: `residency.nat-gateway`: its folder and its file.
        title: What holds when it is met.
        reason: Why it must hold.
        source: Where AWS, or a standard, says how the thing behaves.
        controls: Ids of the controls of law and standard that it serves (`policies.controls`).
        types: Resource types it looks at; `AWS::X::*` takes in a service, `*` everything.
        check: What finds the faults.
    """

    id: str
    title: str
    reason: str
    source: str
    controls: tuple[str, ...]
    types: tuple[str, ...]
    check: Check

    @property
    def family(self) -> str:
        """`residency`, `encryption`, `exposure`, `iam` or `audit`."""
        return self.id.partition(".")[0]

    def looks_at(self, type_: str) -> bool:
        """Whether resources of a type are its concern."""
        return any(
            type_.startswith(wanted[:-1]) if wanted.endswith("*") else type_ == wanted
            for wanted in self.types
        )


def mention(find: Callable[[str], Iterable[str]], sentence: str) -> Check:
    """Refuse every text of a resource in which something is found.

    Args:
        find: Returns what is found in a text.
        sentence: What is wrong with it, after where it stands; `{found}` stands for it.
    """

    def check(resource: Resource, view: View) -> Iterator[str]:
        del view
        for path, text in resource.texts:
            for found in find(text):
                yield f"{path} {sentence.format(found=found)}"

    return check


def forbid(sentence: str) -> Check:
    """Refuse every resource of the rule's types."""

    def check(resource: Resource, view: View) -> Iterator[str]:
        del view
        yield f"{resource.type}: {sentence}"

    return check
