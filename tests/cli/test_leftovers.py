"""Copies that no assembly names go once they are old; what anybody may be using stays."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from cli.leftovers import UNUSED_FOR, drop_leftovers
from infra.bundling.trees import place

NOW = datetime(2024, 11, 22, 12, tzinfo=UTC)
OLD = NOW - UNUSED_FOR - timedelta(seconds=1)
NAMED, UNNAMED, FRESH = "a" * 32, "b" * 32, "c" * 32


class Noon:
    """A clock that stands still."""

    def now(self):
        """Return noon."""
        return NOW


def copy(folder, *, used):
    """Make a copy that was last used then."""
    place(folder, lambda partial: (partial / "file").write_text("x"))
    os.utime(folder, (used.timestamp(), used.timestamp()))
    return folder


@pytest.fixture
def cdk_out(tmp_path):
    """An assembly that names one of its three folders, and one of its two files."""
    out = tmp_path / "cdk.out"
    copy(out / f"asset.{NAMED}", used=OLD)
    copy(out / f"asset.{UNNAMED}", used=OLD)
    copy(out / f"asset.{FRESH}", used=NOW)
    for name in ("asset.m.1.onnx", "asset.m.2.onnx"):
        (out / name).write_text("weights")
        os.utime(out / name, (OLD.timestamp(), OLD.timestamp()))
    files = {
        "x": {"source": {"path": f"asset.{NAMED}"}},
        "y": {"source": {"path": "asset.m.2.onnx"}},
    }
    (out / "Stack.assets.json").write_text(json.dumps({"files": files}))
    (out / "Stack.template.json").write_text("{}")
    return out


def test_unnamed_copies_of_old_leave_the_assembly(cdk_out, tmp_path):
    """What is named stays however old it is, and so does what was used today."""
    dropped = drop_leftovers(tmp_path / "build", cdk_out, Noon())
    assert {path.name for path in dropped} == {f"asset.{UNNAMED}", "asset.m.1.onnx"}
    assert {path.name for path in cdk_out.iterdir()} == {
        f"asset.{NAMED}",
        f"asset.{FRESH}",
        "asset.m.2.onnx",
        "Stack.assets.json",
        "Stack.template.json",
    }


def test_shelves_keep_what_is_named_and_their_newest(cdk_out, tmp_path):
    """Who builds for another platform from time to time does not stage it all again."""
    shelf = tmp_path / "build/layers/runtime/py3.13"
    named = copy(shelf / NAMED[:16], used=OLD - timedelta(days=3))
    copy(shelf / ("d" * 16), used=OLD - timedelta(days=2))
    newest = copy(shelf / ("e" * 16), used=OLD)
    drop_leftovers(tmp_path / "build", cdk_out, Noon())
    assert set(shelf.iterdir()) == {named, newest}


def test_a_copy_that_is_used_again_is_not_old(cdk_out, tmp_path):
    """Another synthesis, which names it in a moment, has marked it."""
    place(cdk_out / f"asset.{UNNAMED}", lambda _: pytest.fail("it is there"))
    dropped = drop_leftovers(tmp_path / "build", cdk_out, Noon())
    assert f"asset.{UNNAMED}" not in {path.name for path in dropped}


def test_an_assembly_that_is_being_written_is_left_alone(cdk_out, tmp_path):
    """A manifest that is cut short names nothing, which is no reason to remove anything."""
    (cdk_out / "Other.assets.json").write_text('{"files": {')
    assert drop_leftovers(tmp_path / "build", cdk_out, Noon()) == ()
    assert (cdk_out / f"asset.{UNNAMED}").is_dir()


def test_what_somebody_else_removed_is_no_failure(cdk_out, tmp_path):
    """Two sweep at once; both end well, and nothing is half there."""
    drop_leftovers(tmp_path / "build", cdk_out, Noon())
    assert drop_leftovers(tmp_path / "build", cdk_out, Noon()) == ()
