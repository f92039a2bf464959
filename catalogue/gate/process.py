"""The parent's side of the gate: starts the child, outlives it, and says what became of it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

import catalogue
import falaj
from catalogue.errors import ModelRefusedError
from catalogue.gate.findings import Findings
from catalogue.gate.limits import Limits
from falaj.domain.signature import ModelSignature

Array = NDArray[Any]

LONGEST_LINE: Final = 4 * 1024 * 1024
MOST_ERROR_BYTES: Final = 64 * 1024


def examine(
    model_path: Path,
    *,
    golden: Sequence[Mapping[str, Any]] = (),
    limits: Limits | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
) -> tuple[bytes, Findings]:
    """Return the bytes to serve and what the gate found.

    The bytes differ from the file's only where maps had to become tensors.

    Args:
        model_path: The ONNX file.
        golden: Cases with known answers, as in a manifest.
        limits: What the child may use; by default enough for a model of its size.
        on_stage: Told the name of each stage as it begins.

    Raises:
        ModelRefusedError: The gate said no, or the model broke the process that read it.
    """
    size = _size(model_path)
    limits = limits or Limits.for_size(size)
    if size > limits.model_bytes:
        raise ModelRefusedError(
            source=str(model_path),
            reasons=[f"{size:,} bytes exceed the limit of {limits.model_bytes:,}"],
        )
    return _examined({"golden": list(golden)}, model_path, limits, on_stage)


def examine_graph(
    graph_path: Path,
    *,
    signature: ModelSignature,
    members: Sequence[Mapping[str, Any]],
    golden: Sequence[Mapping[str, Any]] = (),
    on_stage: Callable[[str], None] = lambda _: None,
) -> Findings:
    """Return what the gate found about an ensemble, run whole by the runtime's own engine.

    Args:
        graph_path: Its `ensemble.json`.
        signature: What it promises.
        members: Each `{"model", "version", "path", "signature"}`, as dicts.
        golden: Cases with known answers, as in a manifest.
        on_stage: Told the name of each stage as it begins.

    Raises:
        ModelRefusedError: The gate said no.
    """
    limits = Limits.for_size(sum(_size(Path(member["path"])) for member in members))
    order = {
        "golden": list(golden),
        "members": list(members),
        "signature": signature.to_dict(),
    }
    _, findings = _examined(order, graph_path, limits, on_stage)
    return findings


def answers_to(model_path: Path, rows: Mapping[str, Array], *, is_joined: bool) -> dict[str, Array]:
    """Return a model's numeric outputs for given rows, computed within the gate's limits.

    Args:
        model_path: A model that the gate has let in.
        rows: Every input, rows first.
        is_joined: Whether rows may share a run.

    Raises:
        ModelRefusedError: It does not take them, or broke the process that ran it.
    """
    data = sum(tensor.nbytes for tensor in rows.values())
    limits = Limits.for_size(_size(model_path) + data)
    with tempfile.TemporaryDirectory(prefix="falaj-gate-") as folder:
        given, answered = Path(folder) / "rows.npz", Path(folder) / "answers.npz"
        with given.open("wb") as out:
            np.savez(out, *map(_plain, rows.values()))
        order = {
            "model": str(model_path.resolve()),
            "rows": str(given),
            "inputs": list(rows),
            "admitted": str(answered),
            "is_joined": is_joined,
            "limits": limits.to_dict(),
        }
        verdict = _Child(order, Path(folder), lambda _: None).verdict(limits)
        if "refused" in verdict:
            raise ModelRefusedError(source=str(model_path), reasons=[verdict["refused"]])
        with np.load(answered, allow_pickle=False) as file:
            found = (file[each] for each in file.files)
            return dict(zip(verdict["answered"], found, strict=True))


def _plain(tensor: Array) -> Array:
    return tensor.astype(str) if tensor.dtype == object else tensor


def _examined(
    order: Mapping[str, Any], path: Path, limits: Limits, on_stage: Callable[[str], None]
) -> tuple[bytes, Findings]:
    with tempfile.TemporaryDirectory(prefix="falaj-gate-") as folder:
        admitted = Path(folder) / "admitted"
        order = {
            **order,
            "model": str(path.resolve()),
            "admitted": str(admitted),
            "limits": limits.to_dict(),
        }
        verdict = _Child(order, Path(folder), on_stage).verdict(limits)
        if "refused" in verdict:
            raise ModelRefusedError(source=str(path), reasons=[verdict["refused"]])
        return admitted.read_bytes(), Findings.from_dict(verdict["findings"])


def _size(path: Path) -> int:
    try:
        if not path.is_file():
            raise ModelRefusedError(source=str(path), reasons=["no such file"])
        return path.stat().st_size
    except OSError as error:
        raise ModelRefusedError(source=str(path), reasons=[f"cannot be read: {error}"]) from error


class _Child:
    """One run of the child process."""

    def __init__(
        self, order: Mapping[str, Any], folder: Path, on_stage: Callable[[str], None]
    ) -> None:
        self._order, self._folder, self._on_stage = order, folder, on_stage
        self._stage = "starting"
        self._verdict: dict[str, Any] = {}

    def verdict(self, limits: Limits) -> dict[str, Any]:
        """Run the child to its end, whichever that is."""
        with (self._folder / "stderr").open("w+b") as errors:
            with self._start(errors) as process:
                reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
                reader.start()
                try:
                    with contextlib.suppress(BrokenPipeError):
                        self._send(process.stdin)
                    process.wait(limits.wall_s)
                except subprocess.TimeoutExpired:
                    return {"refused": f"it took longer than {limits.wall_s:g} s {self._where}"}
                finally:
                    process.kill()
                    reader.join()
            if "exhausted" in self._verdict:
                return {"refused": self._too_much_memory(limits)}
            if self._verdict:
                return self._verdict
            errors.seek(0)
            return {
                "refused": self._cause(process.returncode, errors.read(MOST_ERROR_BYTES), limits)
            }

    @property
    def _where(self) -> str:
        return f"while {self._stage}"

    def _too_much_memory(self, limits: Limits) -> str:
        return f"it needs more than {limits.memory_mib:,} MiB of memory {self._where}"

    def _start(self, errors: IO[bytes]) -> "subprocess.Popen[bytes]":
        roots = (Path(module.__path__[0]).parent for module in (catalogue, falaj))
        return subprocess.Popen(
            [sys.executable, "-m", "catalogue.gate.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=self._folder,
            # Nothing of the parent's environment: no credentials, no proxies, no preloads.
            env={"PYTHONPATH": os.pathsep.join(map(str, roots)), "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,
        )

    def _send(self, stdin: IO[bytes] | None) -> None:
        if stdin is not None:
            with stdin:
                stdin.write(json.dumps(self._order).encode())

    def _read(self, stdout: IO[bytes] | None) -> None:
        while stdout is not None and (line := stdout.readline(LONGEST_LINE)):
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if "stage" in message:
                self._stage = message["stage"]
                self._on_stage(self._stage)
            else:
                self._verdict = message

    def _cause(self, returncode: int, errors: bytes, limits: Limits) -> str:
        if returncode == -signal.SIGXCPU:
            return f"it used more than {limits.cpu_s} s of processor time {self._where}"
        text = errors.decode("utf-8", "replace").strip()
        if "bad_alloc" in text or "MemoryError" in text or "Cannot allocate" in text:
            return self._too_much_memory(limits)
        if returncode < 0:
            name = signal.Signals(-returncode).name
            return f"it crashed the process that examined it ({name}) {self._where}"
        last = text.splitlines()[-1] if text else "no word of why"
        return f"the process that examined it failed {self._where}: {last}"
