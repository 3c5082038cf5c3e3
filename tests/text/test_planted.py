"""What is planted is what its kind says: exact Jaccard by kind, the same rows for the same seed."""

from __future__ import annotations

import random
import re

import pytest

from tests.text.samples import prose
from webscale_dagster.text.normalise import words
from webscale_dagster.text.planted import (
    COPIES,
    LEAKS,
    Copy,
    Leak,
    clean,
    clean_pairs,
    edit,
    exact_jaccard,
    leaks,
    near_duplicates,
)
from webscale_dagster.text.rewording import LEAST, MOST, reword

DOCUMENTS = [prose(seed, 300) for seed in range(66)]
ASKED = """
A farmer has 12 cows and buys 30 more each year; how many cows does he have after 4 years?
Which of the following is the largest moon of the planet that was first seen in 1610?
How much money did the two boys spend in total if each of them bought 3 books at $1,250?
"""
QUESTIONS = list(zip(ASKED.strip().split("\n"), ("132", "Ganymede", "7500"), strict=True))


def _copies(seed: int = 5) -> list[Copy]:
    return near_duplicates(DOCUMENTS, n=5, seed=seed)


def test_the_same_seed_plants_the_same() -> None:
    assert _copies() == _copies()
    assert _copies() != _copies(seed=6)
    assert leaks(QUESTIONS, DOCUMENTS, seed=5) == leaks(QUESTIONS, DOCUMENTS, seed=5)


def test_every_kind_in_turn_with_its_exact_jaccard() -> None:
    copies = _copies()
    assert [copy.original for copy in copies] == list(range(len(DOCUMENTS)))
    assert {copy.kind for copy in copies} == set(COPIES)
    for copy in copies:
        assert copy.jaccard == exact_jaccard(DOCUMENTS[copy.original], copy.text, 5)


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        ("exact", 1, 1),
        ("case_space_punctuation", 1, 1),
        ("edits_to_8", 0.45, 0.99),
        ("edits_5", 0.5, 0.75),
        ("edits_10", 0.3, 0.55),
        ("edits_20", 0.1, 0.3),
        ("edits_30", 0.03, 0.18),
        ("edits_40", 0, 0.1),
        ("paragraph_shuffle", 0.8, 0.99),
        ("boilerplate_wrap", 0.7, 0.9),
        ("truncate_25", 0.72, 0.76),
    ],
)
def test_kinds_have_the_jaccard_they_claim(kind: str, least: float, most: float) -> None:
    found = [copy.jaccard for copy in _copies() if copy.kind == kind]
    assert found and least <= min(found) and max(found) <= most


@pytest.mark.parametrize(
    ("one", "other", "n", "expected"),
    [
        ("a b c d e f", "A, b c d. E f", 5, 1.0),
        ("a b c d e f", "a b c d e g", 5, 1 / 3),
        ("a b", "a b", 5, 1.0),
        ("a b", "a b c", 5, 0.0),
        ("", "", 5, 0.0),
    ],
)
def test_exact_jaccard(one: str, other: str, n: int, expected: float) -> None:
    assert exact_jaccard(one, other, n) == expected


def test_an_edit_touches_so_many_words() -> None:
    text = prose(3, 400)
    for share in (0.01, 0.1, 0.4):
        assert edit(text, share, random.Random(1)) != text
    assert len(edit("word", 0.01, random.Random(1)).split()) <= 2
    assert edit("", 0.5, random.Random(1)) == ""


def test_every_kind_of_leak_in_both_forms() -> None:
    found = leaks(QUESTIONS, DOCUMENTS, seed=5)
    assert {leak.kind for leak in found} == {*LEAKS, "split"}
    assert {leak.form for leak in found if leak.kind == "verbatim"} == {"document", "pair"}
    verbatim = [leak for leak in found if leak.kind == "verbatim"]
    asked = [question for question, _ in QUESTIONS]
    assert all(any(q in (leak.text or leak.question) for q in asked) for leak in verbatim)
    assert [leak.form for leak in leaks(QUESTIONS, [], seed=5)].count("document") == 0


def test_a_split_question_is_whole_in_its_pair() -> None:
    (leak,) = [leak for leak in leaks(QUESTIONS[:1], [], seed=5) if leak.kind == "split"]
    assert f"{leak.question} {leak.answer}" == " ".join(QUESTIONS[0])


@pytest.mark.parametrize("kind", ["wrapped", "upper_case"])
def test_a_disguise_keeps_the_words(kind: str) -> None:
    for question, _ in QUESTIONS:
        changed = LEAKS[kind](question, random.Random(1))
        assert changed is not None and changed != question and words(changed) == words(question)


def test_filler_keeps_the_question_in_order() -> None:
    for question, _ in QUESTIONS:
        filled = iter((LEAKS["filler"](question, random.Random(1)) or "").split())
        assert all(word in filled for word in question.split())


def test_numbers_become_others_of_as_many_digits() -> None:
    changed = LEAKS["numbers_changed"](QUESTIONS[0][0], random.Random(1))
    assert changed is not None and re.sub("[0-9]", "0", changed) == re.sub(
        "[0-9]", "0", QUESTIONS[0][0]
    )
    before, after = (re.findall("[0-9]+", text) for text in (QUESTIONS[0][0], changed))
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert LEAKS["numbers_changed"]("no number", random.Random(1)) is None


def test_rewording_changes_a_tenth_to_three_tenths() -> None:
    for question, _ in QUESTIONS:
        for seed in range(20):
            changed = reword(question, random.Random(seed))
            assert changed is not None
            before, after = question.split(), changed.split()
            differ = sum(a != b for a, b in zip(before, after, strict=True))
            assert LEAST <= differ / len(before) <= MOST
    assert reword("Zymurgy, quixotic flapdoodle", random.Random(0)) is None


def test_clean_documents_share_no_run_with_a_question() -> None:
    question = QUESTIONS[1][0]
    dirty = Leak("x", "document", text=f"{DOCUMENTS[0]} {question.upper()}").text
    part = " ".join(question.split()[:7])
    assert clean([dirty, DOCUMENTS[1], f"{DOCUMENTS[2]} {part}"], [question]) == [1, 2]


def test_pairs_of_clean_documents() -> None:
    pairs = clean_pairs(DOCUMENTS[:3])
    assert len(pairs) == 3
    assert all(len(question.split()) >= 8 and answer for question, answer in pairs)
