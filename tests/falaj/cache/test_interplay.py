"""A cache crosses neither versions, hence arms, nor tenants: whatever is asked, in any order."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from falaj.cache.responses import ResponseCache, key_of
from tests.falaj import onnx_models

ASKED = st.tuples(
    st.sampled_from(["1", "2", "3"]),  # an arm's version
    st.sampled_from(["bank", "clinic", ""]),  # a tenant
    st.integers(0, 2),  # what is asked
)


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """Three versions of one model that answer differently."""
    root = tmp_path_factory.mktemp("versions")
    for version in (1, 2, 3):
        onnx_models.write_version(root, "rows", version, onnx_models.linear(seed=version))
    repository = onnx_models.service_of(root).repository
    return {version: repository.model("rows", version) for version in ("1", "2", "3")}


def _request(model, number):
    row = np.full((1, 30), number, dtype=np.float32)
    return SimpleNamespace(inputs={"x": row}, output_names=model.check.output_names)


@settings(max_examples=60, deadline=None)
@given(asked=st.lists(ASKED, max_size=40), limit=st.sampled_from([1_500, 100_000]))
def test_an_answer_is_the_arms_own_and_was_given_to_the_same_tenant(versions, asked, limit):
    """One cache for all of them, large or always full: a hit repeats exactly what was due."""
    cache = ResponseCache(limit)
    told = set()
    for version, tenant, number in asked:
        model = versions[version]
        request = _request(model, number)
        key = key_of(model.digest, tenant, request)
        due = model.engine.run(request.inputs, request.output_names)

        found = cache.get(key)

        if found is None:
            cache.put(key, due)
        else:
            assert (version, tenant, number) in told
            assert all(np.array_equal(a, b) for a, b in zip(found, due, strict=True))
        told.add((version, tenant, number))
