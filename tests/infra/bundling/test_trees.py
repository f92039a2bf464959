"""Promise: a folder's digest follows its content, and a folder appears whole or not at all."""

import pytest

from infra.bundling.trees import link_tree, move_into_place, size_in_bytes, text_digest, tree_digest


@pytest.fixture
def tree(tmp_path):
    """A folder of two files."""
    root = tmp_path / "tree"
    (root / "a").mkdir(parents=True)
    (root / "a" / "one.py").write_text("1")
    (root / "two.py").write_text("22")
    return root


def test_a_changed_byte_changes_the_digest(tree):
    """No edit goes unseen."""
    before = tree_digest(tree)
    (tree / "two.py").write_text("23")

    assert tree_digest(tree) != before


def test_a_moved_file_changes_the_digest(tree):
    """Names count as well as bytes."""
    before = tree_digest(tree)
    (tree / "two.py").rename(tree / "a" / "two.py")

    assert tree_digest(tree) != before


def test_caches_do_not_change_the_digest(tree):
    """Running the code does not make it another release."""
    before = tree_digest(tree)
    (tree / "__pycache__").mkdir()
    (tree / "__pycache__" / "two.pyc").write_text("x")

    assert tree_digest(tree) == before


def test_texts_are_told_apart_at_their_borders():
    """Joining parts differently is another digest."""
    assert text_digest("ab", "c") != text_digest("a", "bc")


def test_a_linked_tree_has_the_same_content(tree, tmp_path):
    """Nothing is lost on the way into cdk.out."""
    link_tree(tree, tmp_path / "copy")

    assert (tree_digest(tmp_path / "copy"), size_in_bytes(tmp_path / "copy")) == (
        tree_digest(tree),
        3,
    )


def test_the_first_of_two_that_race_wins(tree, tmp_path):
    """Two syntheses at once do not spoil each other."""
    winner = tmp_path / "winner"
    link_tree(tree, winner)
    move_into_place(tree, winner)

    assert (size_in_bytes(winner), tree.exists()) == (3, False)
