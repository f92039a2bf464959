"""Promise: what AWS would refuse, or lose, is refused at synthesis, all at once, with the mend."""

import json

import pytest

from falaj.errors import ConfigurationError
from infra.config.deployment import Deployment
from infra.config.profile import Profile
from infra.constructs.api_routes import MOST_MODELS
from infra.packaging import UNZIPPED_LIMIT_BYTES, read_models
from infra.refusals import MIB, catalogue_faults, size_faults


def faults_of(catalogue, deployment=None) -> list[str]:
    """Return what a catalogue is refused for."""
    models = read_models(catalogue.sources.models, catalogue.sources.build)
    return catalogue_faults(models, deployment or Deployment())


def test_a_plain_catalogue_is_taken(catalogue):
    """The control."""
    catalogue.add("churn")

    assert faults_of(catalogue) == []


@pytest.mark.parametrize(("profile", "longest"), [("smb", 29), ("enterprise", 28)])
def test_a_function_may_not_outlast_its_api(catalogue, profile, longest):
    """The caller would get a 503 and the answer would be thrown away."""
    catalogue.add("slow", compute={"timeout_s": longest + 1})
    catalogue.add("quick", compute={"timeout_s": longest})
    (fault,) = faults_of(catalogue, Deployment(profile=Profile(profile)))

    assert fault.startswith(f"model slow: timeout_s is {longest + 1}")
    assert f"write at most {longest}" in fault


def test_reserved_and_warm_concurrency_may_not_exceed_what_an_account_binds(catalogue):
    """Lambda keeps 100 of the account's 1,000 free, and the controller has 3."""
    catalogue.add("a", compute={"reserved_concurrency": 800})
    catalogue.add("b", compute={"min_warm": 51})
    (fault,) = faults_of(catalogue)

    assert (
        "902 together, but models may bind 897 of the account's 1000 (100 stay free, 3 are the "
        "platform's own)"
    ) in fault


def test_a_raised_quota_is_taken_into_account(catalogue):
    """The quota is the deployment's to say."""
    catalogue.add("a", compute={"reserved_concurrency": 2000})

    assert faults_of(catalogue, Deployment(concurrency_quota=3000)) == []


def test_all_faults_of_all_models_come_at_once(catalogue):
    """One run shows everything there is to mend."""
    catalogue.add("vision", compute={"target": "gpu", "timeout_s": 60})
    catalogue.add("slow", compute={"timeout_s": 60, "reserved_concurrency": 901})

    assert len(faults_of(catalogue)) == 4


def test_more_models_than_one_api_holds_are_refused(catalogue):
    """API Gateway takes 300 routes."""
    catalogue.add("churn")
    models = read_models(catalogue.sources.models, catalogue.sources.build)

    assert catalogue_faults(models * MOST_MODELS, Deployment()) == []
    (fault,) = catalogue_faults(models * (MOST_MODELS + 1), Deployment())
    assert fault.startswith(f"{MOST_MODELS + 1} models, but one API holds {MOST_MODELS}")


def test_a_function_over_lambdas_limit_is_refused_with_the_figures():
    """250 MB unzipped, function and layers together."""
    assert size_faults("f", code_bytes=UNZIPPED_LIMIT_BYTES - 96 * MIB, layer_bytes=96 * MIB) == []
    (fault,) = size_faults("f", code_bytes=160 * MIB, layer_bytes=96 * MIB)
    assert fault.startswith("f: 256.0 MB unzipped (code 160.0, layers 96.0), and Lambda takes 250;")


def test_nothing_is_written_when_something_is_refused(catalogue, assemble, tmp_path):
    """No half an assembly that a deployment could pick up."""
    catalogue.add("slow", compute={"timeout_s": 60})

    with pytest.raises(ConfigurationError):
        assemble(catalogue.sources)
    assert list(tmp_path.glob("out*/*.template.json")) == []


def test_a_model_that_cannot_fit_its_memory_is_refused(catalogue):
    """It would be killed at every start."""
    catalogue.add("large", compute={"memory_mib": 128})
    folder = catalogue.sources.build / "models" / "large" / "1"
    manifest = folder / "manifest.json"
    size = 129 * MIB
    with (folder / "model.onnx").open("r+b") as file:
        file.truncate(size)
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"size_bytes": size}))
    (fault,) = faults_of(catalogue)

    assert fault == (
        "model large: memory_mib is 128 and a version alone has 129 MiB; write at least 514"
    )


def rewrite(catalogue, name: str, version: int, **signature) -> None:
    """Change what registration is said to have found."""
    path = catalogue.sources.build / "models" / name / str(version) / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["signature"] |= signature
    path.write_text(json.dumps(manifest))


def test_versions_of_one_name_have_one_contract(catalogue):
    """A client that names no version must not find other tensors after a rollout."""
    catalogue.add("churn", version=2, also_serve=[1])
    other = [{"name": "z", "datatype": "FP32", "shape": [-1, 4]}]
    rewrite(catalogue, "churn", 1, inputs=other, outputs=other)

    assert faults_of(catalogue) == [
        f"model churn: versions 2 and 1 differ in their {side}; clients of one name need one "
        "contract, so give the other a name of its own"
        for side in ("inputs", "outputs")
    ]


def test_batching_needs_a_model_that_is_batch_invariant(catalogue):
    """Another caller's request would change the answer; said beside everything else."""
    catalogue.add("vision", compute={"target": "gpu"}, batching={"max_batch_size": 8})
    faults = faults_of(catalogue)

    assert len(faults) == 2
    assert faults[1].startswith("model vision: batching is written, but registration of version 1")


def test_a_split_ends_after_its_steps(catalogue):
    """Otherwise it would end before its last share was ever reached."""
    catalogue.add(
        "churn",
        release={"plan": "split", "steps": [0.1, 0.5], "bake": "60m", "max_duration": "90m"},
    )
    (fault,) = faults_of(catalogue)

    assert fault.startswith("model churn: release.max_duration is 5400 s, but its 2 steps bake")


def test_a_reserve_holds_both_versions_of_a_rollout(catalogue):
    """Lambda would refuse the candidate's warm environments, and the rollout would never begin."""
    catalogue.add("a", compute={"min_warm": 3, "reserved_concurrency": 5})
    catalogue.add("b", compute={"min_warm": 3, "reserved_concurrency": 6})
    (fault,) = faults_of(catalogue)

    assert fault.startswith("model a: min_warm is 3, kept on stable and candidate at once")
    assert fault.endswith("reserved_concurrency is 5; write at least 6")
