"""What a look reads: the log, and a checkpoint of what was read of it before.

The log is the truth and the checkpoint a shortcut: without one, or with one that is damaged or of
another experiment, everything is read again and the answer is the same.
"""

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from falaj.aws.checkpoints import Checkpoints
from falaj.aws.experiment_log import ExperimentLog, Span
from falaj.contract import checkpoint_key
from falaj.errors import DependencyError
from falaj.experiments.records import Exposure, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReading:
    """One experiment's log.

    Attributes:
        log: The logs of all experiments.
        checkpoints: Where checkpoints lie.
        model: Of which model.
        experiment: Which experiment.
        span: When it runs, or ran; one that is over is read whole, once.
        warn: Told what is amiss, in a sentence.
    """

    log: ExperimentLog
    checkpoints: Checkpoints
    model: str
    experiment: str
    span: Span
    warn: Callable[[str], None]

    def exposures(self, known: Container[str]) -> Iterator[tuple[str, list[Exposure]]]:
        """Give exposures by file, those of known files left out.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        return self.log.exposure_files(
            self.model, self.experiment, self.span, known=known, set_aside=self._set_aside
        )

    def outcomes(self, known: Container[str]) -> Iterator[tuple[str, list[Outcome]]]:
        """Give outcomes by file, those of known files left out.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        return self.log.outcome_files(
            self.model, self.span.since, known=known, set_aside=self._set_aside
        )

    def load(self, to: Path) -> bool:
        """Write the last checkpoint to a file; whether there is one.

        Raises:
            DependencyError: S3 does not answer.
        """
        return self.span.until is None and self.checkpoints.load(self._key, to)

    def save(self, source: Path) -> None:
        """Keep a checkpoint; a look does not fail for want of one."""
        if self.span.until is not None:
            return
        try:
            self.checkpoints.save(self._key, source)
        except DependencyError as error:
            self.warn(f"no checkpoint was kept: {error}")

    @property
    def _key(self) -> str:
        return checkpoint_key(self.model, self.experiment)

    def _set_aside(self, key: str) -> None:
        self.warn(f"{key} holds lines that cannot be read")
