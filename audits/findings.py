"""What an audit of alarms says: proofs, and faults with their mends."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An alarm that would not do what it is there for.

    Attributes:
        stack: Its stack.
        alarm: Its name, or what is missing.
        problem: Why it is dead or deceives.
        mend: What to do.
    """

    stack: str
    alarm: str
    problem: str
    mend: str

    def __str__(self) -> str:
        return f"{self.stack}: {self.alarm}: {self.problem}; {self.mend}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A harm that turns an alarm red.

    Attributes:
        harm: What goes wrong, in words.
        after_s: Seconds from its beginning to ALARM.
    """

    harm: str
    after_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What one alarm did when harm was planted.

    Attributes:
        stack: Its stack.
        alarm: Its name.
        fires: What turned it red, soonest first.
        then: What follows.
    """

    stack: str
    alarm: str
    fires: tuple[Firing, ...]
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All alarms of an assembly.

    Attributes:
        proofs: One for each alarm, in the order of stacks and names.
        findings: What must be mended; empty when every alarm can fire.
    """

    proofs: tuple[Proof, ...]
    findings: tuple[Finding, ...]
