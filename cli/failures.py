"""How a command fails: one sentence that says what to do, one code, one exit status."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from cli.exits import Exit
from falaj.errors import ConfigurationError, FalajError


class CommandError(FalajError):
    """A command cannot do its work.

    Attributes:
        mend: What the reader should do next; part of the message.
    """

    code: ClassVar[str] = "command"
    exit: ClassVar[Exit] = Exit.ERROR

    def __init__(self, what: str, *, mend: str = "") -> None:
        super().__init__(f"{what}; {mend}" if mend else what)
        self.mend = mend


class MisuseError(CommandError):
    """The command line asks for something that makes no sense."""

    code: ClassVar[str] = "misuse"
    exit: ClassVar[Exit] = Exit.MISUSE


class RefusedError(CommandError):
    """A gate looked and said no."""

    code: ClassVar[str] = "refused"
    exit: ClassVar[Exit] = Exit.REFUSED

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class UnreachableError(CommandError):
    """Nothing answers at an address."""

    code: ClassVar[str] = "unreachable"


class ServiceRefusalError(CommandError):
    """The service answered with an error of its own.

    Attributes:
        status: HTTP status.
        body: The error body.
    """

    code: ClassVar[str] = "service"

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(f"{status}: {body.get('error', 'no reason given')}")
        self.status, self.body = status, dict(body)


def exit_of(error: FalajError) -> Exit:
    """Return the exit status a failure ends with."""
    return error.exit if isinstance(error, CommandError) else Exit.ERROR


def faults_of(error: FalajError) -> tuple[str, ...]:
    """Return every fault of an error; one, its own sentence, if it has no list."""
    if isinstance(error, ConfigurationError | RefusedError):
        return error.faults
    return (str(error),)


def error_document(error: FalajError) -> dict[str, Any]:
    """Write a failure as the document that `--json` prints."""
    document: dict[str, Any] = {"error": str(error), "code": error.code}
    if len(faults_of(error)) > 1:
        document["faults"] = list(faults_of(error))
    if isinstance(error, ServiceRefusalError):
        document |= {"status": error.status, "answer": error.body}
    return document
