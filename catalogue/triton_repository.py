"""Every config.pbtxt of a model that Triton serves: its own, and those of an ensemble's members.

Source:
    docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/
    ensemble_models.html (input_map and output_map: a member's tensor to the ensemble's); an
    ensemble may not join more rows than its members do (triton-inference-server/core,
    ensemble_utils.cc: "allows maximum batch size … but it contains model … which only allows").
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from catalogue.spec import CachePolicy, ModelSpec
from catalogue.triton import printed, tensor_config, triton_config, triton_faults
from falaj.contract import ENSEMBLE_PLATFORM
from falaj.domain.ensemble import Step, steps_of
from falaj.domain.manifest import Manifest
from falaj.errors import ConfigurationError


def triton_configs(
    spec: ModelSpec,
    manifests: Sequence[Manifest],
    members: Sequence[Manifest] = (),
    graphs: Sequence[bytes] = (),
) -> Mapping[str, str]:
    """Write the configuration of every model that must be in the repository, by model.

    Args:
        spec: The model; `compute.engine` need not be triton, so that it can be looked at before.
        manifests: Its served versions, the default one first.
        members: Versions of other models that it is made of, if it is an ensemble.
        graphs: The versions' `ensemble.json`, likewise.

    Raises:
        ConfigurationError: Triton cannot serve it as it is declared, with every reason.
    """
    if not manifests[0].is_ensemble:
        return {spec.name: triton_config(spec, manifests)}
    faults = triton_faults(spec, manifests, members)
    if faults:
        raise ConfigurationError(faults)
    steps = steps_of(spec.name, graphs[0])
    versions: dict[str, list[Manifest]] = {}
    for member in sorted(members, key=lambda found: -found.version):
        versions.setdefault(member.name, []).append(member)
    return {
        **{name: _member_config(spec, name, held) for name, held in versions.items()},
        spec.name: _ensemble_config(spec, manifests[0], steps),
    }


def _member_config(spec: ModelSpec, name: str, held: Sequence[Manifest]) -> str:
    """Write a member's configuration: what the ensemble says of the GPU holds for it, too."""
    greatest, *others = (manifest.version for manifest in held)
    member = replace(
        spec, name=name, version=greatest, also_serve=tuple(others), cache=CachePolicy()
    )
    return triton_config(member, held)


def _ensemble_config(spec: ModelSpec, manifest: Manifest, steps: Sequence[Step]) -> str:
    joins = spec.batching is not None
    signature = manifest.signature
    return printed(
        {
            "name": spec.name,
            "platform": ENSEMBLE_PLATFORM,
            "max_batch_size": spec.batching.max_batch_size if spec.batching else 0,
            "version_policy": {"specific": {"versions": [spec.version]}},
            "input": [tensor_config(item, joins=joins) for item in signature.inputs],
            "output": [tensor_config(item, joins=joins) for item in signature.outputs],
            "ensemble_scheduling": {
                "step": [
                    {
                        "model_name": step.model,
                        "model_version": step.version,
                        "input_map": dict(step.inputs),
                        "output_map": dict(step.outputs),
                    }
                    for step in steps
                ]
            },
        }
    )
