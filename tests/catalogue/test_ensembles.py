"""Promise: a declared graph is refused with a sentence, or built and signed as one version."""

import json
from dataclasses import replace

import numpy as np
import pytest

from catalogue.building import Stage, build, built_version, members_of
from catalogue.checks import manifest_faults
from catalogue.ensembles import wired
from catalogue.errors import ModelNotBuiltError
from catalogue.reading import load_catalogue
from catalogue.spec import BatchingPolicy, CachePolicy
from catalogue.triton_repository import triton_configs
from falaj.domain.signature import Batching, ModelSignature
from falaj.domain.tensors import Datatype, TensorSpec
from falaj.engines.onnx import OnnxEngine
from falaj.errors import ConfigurationError
from tests.catalogue.ensemble_catalogue import (
    CASE,
    GRAPH,
    STEPS,
    summing,
    write_ensemble,
    write_model,
    write_spec,
)
from tests.catalogue.test_triton import parsed

SCALE, SUM = STEPS
BACK = {"model": "sum", "version": 1, "inputs": {"x": "total"}, "outputs": {"s": "again"}}


def graph(*steps, **changes):
    """The graph with other steps or ends."""
    return {**GRAPH, "steps": list(steps or STEPS), **changes}


@pytest.fixture
def root(models_root):
    """A catalogue with a model that sums, and an ensemble that doubles first."""
    write_model(models_root, "sum", summing())
    write_ensemble(models_root)
    return models_root


def refusal(root):
    """All that the catalogue's reader says, as one text."""
    with pytest.raises(ConfigurationError) as caught:
        load_catalogue(root)
    return "\n".join(caught.value.faults)


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        (graph({**SCALE, "inputs": {"x": "again"}}, SUM, BACK), "in a circle: steps.0"),
        (graph({**SCALE, "inputs": {"x": "feature"}}, SUM), "nothing makes 'feature'"),
        (graph(outputs=["totals"]), "no step makes 'totals'; made are: scaled, total"),
        (graph(inputs=["features", "extra"]), "no step takes 'extra'; leave it out"),
        (graph(SCALE, {**SUM, "outputs": {"s": "scaled"}}), "made by steps.0 (scale.py) already"),
        (graph(SCALE, {**SUM, "outputs": {"s": "features"}}), "is an input of the ensemble"),
        (graph(SCALE, SUM, BACK), "no step takes 'again'"),
        (graph({**SCALE, "model": "sum", "version": 1}, SUM), "names model and script"),
        (graph({"inputs": {}, "outputs": {"y": "scaled"}}, SUM), "names nothing"),
        (graph(SCALE, {**SUM, "model": "product"}), "no model 'product'; there are: sum, twice"),
        (graph(SCALE, {**SUM, "version": 9}), "sum has no version 9; it has: 1"),
        (graph(SCALE, {**SUM, "model": "twice"}), "is an ensemble, and they do not nest"),
        (graph({**SCALE, "script": "gone.py"}, SUM), "no file gone.py beside source.yaml"),
        (graph({**SCALE, "script": "../x.py"}, SUM), "is not a Python file beside source.yaml"),
        (graph(SCALE, {k: v for k, v in SUM.items() if k != "version"}), "version: belongs to"),
        (graph({**SCALE, "inputs": ["features"]}, SUM), "write {theirs: ours}"),
        (graph(outputs=[]), "outputs: is empty"),
        (graph(steps=[]), "there are 0; write 1 to 32"),
        (graph(stepps=1), "unknown key 'stepps'; did you mean 'steps'?"),
    ],
)
def test_a_faulty_graph_is_refused_when_it_is_read(root, declared, sentence):
    """Circles, loose ends, strangers: each has its sentence, with file and line."""
    write_ensemble(root, graph=declared)
    said = refusal(root)
    assert sentence in said
    assert f"{root}/twice/1/source.yaml:" in said


def test_all_faults_of_a_graph_come_at_once(root):
    """One run tells the whole list."""
    write_ensemble(root, graph=graph({**SCALE, "inputs": {"x": "a"}}, SUM, outputs=["b"]))
    assert [word in refusal(root) for word in ("'a'", "'b'", "'features'")] == [True] * 3


def test_an_ensemble_keeps_no_sequence(root):
    """Its members' states would be nobody's."""
    alone = {"instances": {"max_replicas": 1}, "deployment": "rolling"}
    compute = {"target": "gpu", "gpu": alone}
    write_spec(root, "twice", sequence={"state": ["a=b"]}, compute=compute)
    assert "an ensemble keeps no state" in refusal(root)


def test_a_step_may_not_take_a_models_name(root):
    """A step of its own is served as `<ensemble>-<file>`, so nobody else may be."""
    write_model(root, "twice-scale", summing())
    assert "would be served as 'twice-scale', which is another's" in refusal(root)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The catalogue with its last step written first, built: its folder, members and ensemble."""
    made = tmp_path_factory.mktemp("ensembles")
    write_model(made / "models", "sum", summing())
    folder = write_ensemble(made / "models", graph=graph(SUM, SCALE), compute={"target": "gpu"})
    (folder / "golden.json").write_text(json.dumps([CASE]))
    return made, build(made / "models", made / "out", ["twice"])


def test_steps_may_stand_in_any_order(built):
    """The tensors' names say what comes first."""
    steps = json.loads(built[1][-1].model_path.read_bytes())["steps"]
    assert [step["model"] for step in steps] == ["twice-scale", "sum"]


def test_an_ensemble_is_built_with_what_it_is_made_of(built):
    """Members first, each signed; the manifest pins the graph, which pins them by digest."""
    root, made = built
    assert [each.manifest.name for each in made] == ["sum", "twice-scale", "twice"]
    assert all(list((each.folder / "signatures").iterdir()) for each in made)
    twice = made[-1].manifest
    assert (twice.platform, twice.golden[0]["name"]) == ("ensemble", "twice the sum")
    assert [spec.shape for spec in (*twice.signature.inputs, *twice.signature.outputs)] == [
        (-1, 3),
        (-1, 1),
    ]
    assert twice.facts["operators"] == {"Add": 1, "ReduceSum": 1}
    assert {each.manifest.name for each in members_of(root / "out", made[-1])} == {
        "twice-scale",
        "sum",
    }


def test_batching_of_the_whole_is_measured(built):
    """Rows of strangers do not change an answer, and model.yaml may then ask for batches."""
    root, made = built
    assert made[-1].manifest.signature.batching == Batching(
        batch_axis=0, pad_allowed=False, batch_invariant=True
    )
    spec = replace(load_catalogue(root / "models").model("twice"), batching=BatchingPolicy())
    assert list(manifest_faults(spec, [made[-1].manifest])) == []


def test_a_wrong_known_answer_stops_the_build(root, tmp_path):
    """The graph's own golden cases are run through the graph."""
    wrong = json.loads(json.dumps(CASE).replace("12", "13"))
    (root / "twice/1/golden.json").write_text(json.dumps([wrong]))
    with pytest.raises(ConfigurationError, match="'twice' version 1: golden case 'twice the sum'"):
        build(root, tmp_path / "out", ["twice"])


def signature(takes, gives, width=3, datatype=Datatype.FP32):
    """What a member takes and gives: x[n, width] → gives[n, width]."""
    spec = {"datatype": datatype, "shape": (-1, width)}
    return ModelSignature(
        inputs=(TensorSpec(name=takes, **spec),), outputs=(TensorSpec(name=gives, **spec),)
    )


@pytest.mark.parametrize(
    ("member", "sentence"),
    [
        (signature("x", "s", width=4), "takes 'x' FP32[any, 4], and 'scaled' is 'scaled' FP32[any"),
        (signature("x", "s", datatype=Datatype.FP64), "takes 'x' FP64[any, 3], and 'scaled' is"),
        (signature("z", "s"), "steps.1 (sum) finds nothing for its input 'z'"),
        (signature("z", "s"), "steps.1 (sum) has no input x"),
        (signature("x", "t"), "steps.1 (sum) has no output 's'; it has t"),
    ],
)
def test_members_that_do_not_fit_are_refused(root, member, sentence):
    """Another width, another element type, a stranger's name: both ends of the edge are told."""
    source = load_catalogue(root).ensembles["twice", 1]
    with pytest.raises(ConfigurationError) as caught:
        wired(source, [signature("x", "y"), member])
    assert sentence in "\n".join(caught.value.faults)


def test_takers_of_one_input_must_agree(root):
    """Two steps that want different things of a caller cannot both have them."""
    both = graph(SCALE, {**SUM, "inputs": {"x": "features"}}, outputs=["scaled", "total"])
    write_ensemble(root, graph=both)
    source = load_catalogue(root).ensembles["twice", 1]
    with pytest.raises(ConfigurationError, match=r"for steps\.0"):
        wired(source, [signature("x", "y"), signature("x", "s", width=4)])
    found = wired(source, [signature("x", "y", width=-1), signature("x", "s")])
    assert found.inputs[0].shape == (-1, 3)


def test_a_build_tells_what_does_not_fit(root, tmp_path):
    """The ensemble is named; its members are built all the same."""
    write_model(root, "sum", summing(width=4))
    with pytest.raises(ConfigurationError, match=r"build model 'twice' version 1: steps\.1"):
        build(root, tmp_path / "out", ["twice"])
    assert built_version(tmp_path / "out", "sum", 1).manifest.signature.inputs[0].shape == (-1, 4)


def test_another_member_makes_another_ensemble(root, tmp_path):
    """A member built anew is pinned anew; until then the ensemble counts as not built."""
    out, seen = tmp_path / "out", []
    first = build(root, out, ["twice"])[-1]
    build(root, out, ["twice"], lambda step: seen.append(step.stage))
    assert set(seen) == {Stage.UP_TO_DATE}
    write_model(root, "sum", summing(axis=0))
    build(root, out, ["sum"])
    with pytest.raises(ModelNotBuiltError, match="sum 1 was built anew since"):
        members_of(out, first)
    again = build(root, out, ["twice"])[-1]
    assert again.manifest.sha256 != first.manifest.sha256
    assert len(members_of(out, again)) == 2


def configs_of(built, **changes):
    """What Triton would be given."""
    root, (*members, whole) = built
    spec = replace(load_catalogue(root / "models").model("twice"), **changes)
    return triton_configs(
        spec,
        [whole.manifest],
        [member.manifest for member in members],
        [whole.model_path.read_bytes()],
    )


@pytest.mark.parametrize(("batching", "size"), [(None, 0), (BatchingPolicy(max_batch_size=8), 8)])
def test_triton_gets_the_graph_and_every_member(built, batching, size):
    """What Triton's protobuf reads says the same as what our container runs."""
    read = {name: parsed(text) for name, text in configs_of(built, batching=batching).items()}
    assert set(read) == {"twice", "twice-scale", "sum"}
    assert {config.max_batch_size for config in read.values()} == {size}
    twice = read["twice"]
    assert (twice.platform, read["sum"].backend) == ("ensemble", "onnxruntime")
    steps = [(step.model_name, step.model_version) for step in twice.ensemble_scheduling.step]
    assert steps == [("twice-scale", 1), ("sum", 1)]
    assert dict(twice.ensemble_scheduling.step[1].output_map) == {"s": "total"}
    assert list(twice.input[0].dims) == ([3] if batching else [-1, 3])


def test_triton_refuses_what_it_cannot_do(built):
    """One graph for all versions, no cache whose meaning depends on the release."""
    with pytest.raises(ConfigurationError) as caught:
        configs_of(built, version=2, also_serve=(1,), cache=CachePolicy(enabled=True))
    said = "\n".join(caught.value.faults)
    assert "one graph for all versions" in said
    assert "cache is enabled" in said


def test_a_member_is_an_ordinary_model(built):
    """What pre-processing does can be looked at by itself."""
    scale = built_version(built[0] / "out", "twice-scale", 1)
    engine = OnnxEngine(name="scale", model=scale.model_path.read_bytes())
    (doubled,) = engine.run({"x": np.ones((1, 3), np.float32)}, ["y"])
    assert doubled.tolist() == [[2.0, 2.0, 2.0]]
