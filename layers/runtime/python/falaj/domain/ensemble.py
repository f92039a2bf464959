"""What an ensemble declares: which models, in which order, and what they hand on.

Pre- and post-processing are models too (ONNX has operators for text, images and arithmetic), so
that an ensemble is data: `<name>/<version>/ensemble.json` beside its manifest, which names the
file's sha256 as other manifests name `model.onnx`'s. Members are pinned by version and digest.

    {"steps": [{"model": "tokenize", "version": 1, "sha256": "…",
                "inputs": {"text": "text"}, "outputs": {"ids": "ids"}}, …]}

`inputs` maps a member's input to a tensor of the graph, `outputs` a member's output to one; the
graph's first tensors are the ensemble's inputs. `catalogue.ensembles` writes it of source.yaml.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from falaj.domain.wiring import MAX_STEPS
from falaj.errors import ArtefactError


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One member's place in the graph.

    Attributes:
        model: Its name.
        version: Its version.
        sha256: Its digest.
        inputs: Its inputs, and the tensors they take.
        outputs: Its outputs, and the tensors they become.
    """

    model: str
    version: int
    sha256: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


def steps_of(name: str, content: bytes) -> tuple[Step, ...]:
    """Read an ensemble's declaration.

    Raises:
        ArtefactError: It is no such declaration.
    """
    try:
        document = json.loads(content)
        steps = tuple(Step(**step) for step in document["steps"])
        is_text = all(
            isinstance(text, str)
            for step in steps
            for text in (step.model, step.sha256, *step.inputs.values(), *step.outputs.values())
        )
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise ArtefactError(artefact=f"ensemble '{name}'", reason=repr(error)[:300]) from error
    if not is_text or not 1 <= len(steps) <= MAX_STEPS:
        raise ArtefactError(
            artefact=f"ensemble '{name}'", reason=f"it needs 1 to {MAX_STEPS} steps of names"
        )
    return steps
