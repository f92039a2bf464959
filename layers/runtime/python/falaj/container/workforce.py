"""Every model version's worker, found by the names callers use."""

from collections.abc import Iterator

from falaj.container.worker import Worker
from falaj.engines.repository import ModelRepository


class Workforce:
    """The workers of a process.

    Args:
        repository: What names mean.
        workers: One for each version that is served.
    """

    def __init__(self, repository: ModelRepository, workers: list[Worker]) -> None:
        self._repository = repository
        self._workers = {(worker.model.name, worker.model.version): worker for worker in workers}
        self._by_name = dict(self._workers)
        for name in repository.names:
            default = str(repository.manifest(name).version)
            if (name, default) in self._workers:
                self._by_name[name, ""] = self._workers[name, default]

    def __iter__(self) -> Iterator[Worker]:
        return iter(self._workers.values())

    def of(self, name: str, version: str = "") -> Worker:
        """The worker of a version, or of the model's default one.

        Raises:
            UnknownModelError: There is no such model.
            UnknownVersionError: There is no such version.
        """
        found = self._by_name.get((name, version))
        if found is None:
            manifest = self._repository.manifest(name, version)
            return self._workers[manifest.name, str(manifest.version)]
        return found

    def drain(self) -> None:
        """Refuse new calls; those that wait are answered."""
        for worker in self._workers.values():
            worker.is_draining = True
