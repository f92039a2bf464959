"""The gate's verdict on a version that is being built."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from catalogue.built import BuiltVersion
from catalogue.errors import ModelRefusedError
from catalogue.gate import Findings, examine, examine_graph
from falaj.contract import ENSEMBLE_FILE, MODEL_FILE
from falaj.domain.manifest import Manifest


def examined(
    name: str,
    version: int,
    data: bytes,
    golden: Sequence[Mapping[str, Any]],
    on_stage: Callable[[str], None],
) -> tuple[bytes, Findings]:
    """Return a model's bytes to serve, and what the gate found.

    Raises:
        ModelRefusedError: The gate said no; the sentence names the version.
    """
    with tempfile.TemporaryDirectory(prefix="falaj-build-") as folder:
        path = Path(folder) / MODEL_FILE
        path.write_bytes(data)
        try:
            return examine(path, golden=golden, on_stage=on_stage)
        except ModelRefusedError as error:
            raise _refused(name, version, error) from error


def examined_graph(
    draft: Manifest,
    content: bytes,
    members: Sequence[BuiltVersion],
    golden: Sequence[Mapping[str, Any]],
    on_stage: Callable[[str], None],
) -> Findings:
    """Return what the gate found about an ensemble.

    Args:
        draft: Its name, version and signature.
        content: Its `ensemble.json`.
        members: What its steps run.
        golden: Its known answers.
        on_stage: Told the name of each stage as it begins.

    Raises:
        ModelRefusedError: The gate said no; the sentence names the version.
    """
    each = {(member.manifest.name, member.manifest.version): member for member in members}
    with tempfile.TemporaryDirectory(prefix="falaj-build-") as folder:
        path = Path(folder) / ENSEMBLE_FILE
        path.write_bytes(content)
        try:
            return examine_graph(
                path,
                signature=draft.signature,
                members=[
                    {
                        "model": name,
                        "version": version,
                        "path": str(member.model_path.resolve()),
                        "signature": member.manifest.signature.to_dict(),
                    }
                    for (name, version), member in each.items()
                ],
                golden=golden,
                on_stage=on_stage,
            )
        except ModelRefusedError as error:
            raise _refused(draft.name, draft.version, error) from error


def _refused(name: str, version: int, error: ModelRefusedError) -> ModelRefusedError:
    return ModelRefusedError(source=f"model {name!r} version {version}", reasons=error.reasons)
