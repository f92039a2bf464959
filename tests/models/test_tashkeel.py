"""Bare Arabic in, vocalised Arabic out, through the real model."""

import numpy as np
import pytest

GREETING = "السلام عليكم ورحمة الله وبركاته"
GREETING_READ = "السَّلَامُ عَلَيْكُمْ وَرَحْمَةُ اللَّهِ وَبَرَكَاتُهُ"


@pytest.fixture
def codec(module):
    """Pre- and post-processing."""
    return module("tashkeel", "tashkeel_codec")


@pytest.fixture
def restore(codec, run):
    """Text to model to text."""
    return lambda text: codec.decode(text, run("tashkeel", [codec.encode(text)])["gated_cls"][0])


def test_greeting_is_restored(restore):
    """A sentence that everyone can check."""
    assert restore(GREETING) == GREETING_READ


def test_marks_in_the_input_do_not_matter(restore):
    """The model sees bare letters, so vocalised and bare text give the same."""
    assert restore(GREETING_READ) == GREETING_READ


@pytest.mark.parametrize("text", ["Falaj 2026", "12 + 30 = 42", "؟!"])
def test_what_is_not_arabic_stays(restore, text):
    """Other scripts, numbers and punctuation come back as they went."""
    assert restore(text) == text


def test_letters_are_never_lost(codec, restore):
    """Only marks are added: bare again, the text is what it was."""
    assert codec.bare(restore(GREETING)) == codec.bare(GREETING)


def test_known_classes_decode_to_their_text(codec):
    """Reading marks and writing them are inverse."""
    assert codec.decode(GREETING, codec.classes_of(GREETING_READ)) == GREETING_READ


def test_company_changes_answers_and_registration_knows(built, codec, run):
    """The fact that keeps batching off is a fact, not a precaution."""
    texts = [GREETING, "قرأ الطالب كتابا مفيدا في المكتبة اليوم", "لا إله إلا الله"]
    rows = [codec.encode(text) for text in texts]
    width = max(map(len, rows))
    together = run("tashkeel", [row + [0] * (width - len(row)) for row in rows])["gated_cls"]
    alone = [run("tashkeel", [row])["gated_cls"][0] for row in rows]
    same = [np.array_equal(a, b[: len(a)]) for a, b in zip(alone, together, strict=True)]
    batching = built("tashkeel").manifest.signature.batching
    assert (all(same), batching.is_safe, batching.pad_allowed) == (False, False, False)


def test_an_empty_sentence_is_kept_from_it(built):
    """Its quantised LSTM would end the process; registration has tried, and serving is told."""
    assert built("tashkeel").manifest.facts["takes_empty"] is False
    assert built("file-type").manifest.facts["takes_empty"] is True


def test_golden_cases_are_what_the_sentences_say(built, module):
    """`python models/tashkeel/tashkeel_golden.py` was run after the last change."""
    cases = module("tashkeel", "tashkeel_golden").cases()
    assert list(built("tashkeel").manifest.golden) == cases
