"""Duplicate questions: the rule by examples, the fast path against all pairs, real questions."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webscale_dagster.recipe import RlSplits
from webscale_dagster.text.asked import read
from webscale_dagster.text.duplicate_questions import DuplicateQuestions, Repeated, similarity
from webscale_dagster.text.planted_questions import Source, pairs
from webscale_dagster.verifiers.wordings import same_meaning

SETTINGS = RlSplits()
TOWER = "Who built the great tower of Ulm in 1890?"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (TOWER, "who built THE great  tower of ulm in 1890"),
        (TOWER, "Could you please tell me who built the great tower of Ulm in 1890? Thanks!"),
        (TOWER, "Who built great tower of Ulm in 1890?"),
        (TOWER, "In 1890, who built the great tower of Ulm?"),
        (TOWER, "The great tower of Ulm was built in 1890 by whom?"),
        (TOWER, "Which person built the great tower of Ulm in the year 1890?"),
        ("What is the capital of Norway?", "The capital of Norway is what?"),
        ("What is an e-mail address made of?", "What is an email address made of?"),
        ("Why doesn't hemoglobin bind it?", "Why does'nt hemoglobin bind it?"),
        ("How is photosynthesis in algae regulated?", "How is photosyntesis in algae regulated?"),
        ("Wer schrieb das Buch Faust?", "wer schrieb das buch faust"),
        ("谁在1562年绘制了圣约翰河的地图？", "谁在1562年绘制了圣约翰河的地图"),
    ],
)
def test_one_question_in_other_words(one: str, other: str) -> None:
    for answer in ("Matthäus Böblinger", "Matthäus Böblinger."):
        found = similarity(read(one, "Matthäus Böblinger"), read(other, answer), SETTINGS)
        assert found >= SETTINGS.question_similarity


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (TOWER, "Who built the great tower of Ulm in 1891?"),
        (TOWER, "Who built the great tower of Bonn in 1890?"),
        (TOWER, "Who did not build the great tower of Ulm in 1890?"),
        (TOWER, "Where was the great tower of Ulm built in 1890?"),
        ("What are the symptoms of measles?", "What are the symptoms of mumps?"),
        ("How many miles is it from Ulm to Bonn?", "How many kilometres is it from Ulm to Bonn?"),
        ("Which organ makes vitamin A in the body?", "Which organ makes vitamin B in the body?"),
        ("Is type I deficiency inherited?", "Is type II deficiency inherited?"),
        ('What word means "complete" in logic?', 'What word means "sound" in logic?'),
        ("What was the basic income per share?", "What was the diluted income per share?"),
        ("Which is the longest river of Spain?", "Which is the shortest river of Spain?"),
    ],
)
def test_another_question_even_with_the_same_answer(one: str, other: str) -> None:
    for answer in ("the same answer to both", "1890", "yes"):
        assert similarity(read(one, answer), read(other, answer), SETTINGS) == 0


def test_the_answers_decide_where_words_are_moved_or_added() -> None:
    beaten = read("Did Bonn beat Ulm in the last final?", "no")
    beats = read("Did Ulm beat Bonn in the last final?", "yes")
    assert similarity(beaten, beats, SETTINGS) == 0
    assert similarity(beaten, beats._replace(answer="no"), SETTINGS) == 0
    moved = read("In the last final, did Bonn beat Ulm?", "no")
    assert similarity(beaten, moved, SETTINGS) == 1
    short = "What did the company sell in its first shops?"
    long = "What did the company Meier sell in its first shops?"
    assert similarity(read(short, "red shoes"), read(long, "red shoes"), SETTINGS) >= 0.7
    assert similarity(read(short, "red shoes"), read(long, "hats"), SETTINGS) == 0
    # A yes agrees by chance: then both must be about the same.
    asks, more = "Is the company known for its shops?", "Is the company Meier known for its shops?"
    assert similarity(read(asks, "yes"), read(more, "yes"), SETTINGS) == 0
    assert similarity(read(asks, "red shoes"), read(more, "red shoes"), SETTINGS) >= 0.7


def test_what_is_said_alike_is_a_duplicate_whatever_its_answer() -> None:
    one, other = read("What do you share?", "nothing"), read("What do you share", "all data")
    assert similarity(one, other, SETTINGS) == 1


def found_by_index(questions: Sequence[tuple[str, str]]) -> list[Repeated | None]:
    index = DuplicateQuestions([q for q, _ in questions], [a for _, a in questions], SETTINGS)
    found = []
    for place in range(len(questions)):
        found.append(index.repeated(place))
        if found[-1] is None:
            index.keep(place)
    return found


def found_by_all_pairs(questions: Sequence[tuple[str, str]]) -> list[Repeated | None]:
    """The oracle: every question against every kept one; who says it alike comes first."""
    asked = [read(*question) for question in questions]
    kept: list[int] = []
    found: list[Repeated | None] = []
    for place, one in enumerate(asked):
        seen = [
            (similarity(one, asked[other], SETTINGS), one.letters == asked[other].letters, -other)
            for other in kept
        ]
        best, _, other = max(seen, default=(0.0, False, 0))
        found.append(Repeated(-other, best) if best else None)
        if not best:
            kept.append(place)
    return found


WORDS = "what is the not who where Ulm Bonn 1890 1891 mile river long tower bridge build stone A I"
questions_ = st.lists(
    st.tuples(
        st.lists(st.sampled_from(WORDS.split()), max_size=8).map(" ".join),
        st.sampled_from(["yes", "stone", "red stone", "a long answer of many words", "1890"]),
    ),
    max_size=30,
)


@given(questions_)
@settings(max_examples=300)
def test_no_pair_is_missed(questions: list[tuple[str, str]]) -> None:
    assert found_by_index(questions) == found_by_all_pairs(questions)


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=9))
def test_any_text_can_be_asked(one: str, other: str, answer: str) -> None:
    a, b = read(one, answer), read(other, answer)
    assert similarity(a, a, SETTINGS) == 1
    assert similarity(a, b, SETTINGS) == similarity(b, a, SETTINGS)


def test_stars_not_chains_and_the_most_similar_is_named() -> None:
    questions = [
        ("Which red, green and blue birds nest in northern Ulm churches?", "storks"),
        ("Which red, green and blue birds nest in Ulm?", "storks"),  # 6 of 8 words of the first
        ("Which red and green birds nest in Ulm?", "storks"),  # 5 of 8, and 5 of 6 of the second
        ("Which red and green birds nest in Ulm, and blue?", "storks"),  # 6 of 8 and 5 of 6
    ]
    found = found_by_index(questions)
    assert found == [None, Repeated(0, 6 / 8), None, Repeated(2, 5 / 6)]
    assert found == found_by_all_pairs(questions)


TEMPLATES = 5  # characters of a title: of a shorter one the template is not known


def real_sources(corpora: Path) -> list[Source]:
    rows = pl.read_parquet(corpora / "corpora" / "qa_pairs.parquet").filter(
        (pl.col("lang") == "en") & (pl.col("answers").list.len() > 0)
    )
    columns = ("question", "answers", "doc_id", "paragraph_index", "dataset", "title")
    found = []
    for question, answers, doc, paragraph, dataset, title in rows.select(columns).iter_rows():
        subject = re.sub(r"\s*\(.*", "", title or "").strip().lower()
        known = dataset == "medquad" and len(subject) >= TEMPLATES and subject in question.lower()
        template = question.lower().replace(subject, "X") if known else ""
        found.append(Source(question, answers[0][:300], f"{doc}/{paragraph}", template))
    return found


@pytest.mark.realdata
def test_real_questions(corpora: Path) -> None:
    counts: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for pair in pairs(real_sources(corpora), 300, seed=3):
        counts[pair.kind] += 1
        one, other = read(*pair.one), read(*pair.other)
        found[pair.kind] += similarity(one, other, SETTINGS, same_meaning) > 0
    share = {kind: found[kind] / n for kind, n in counts.items()}
    print(share)
    assert min(counts.values()) >= 200
    for kind in ("case_punctuation", "no_articles", "polite", "function_words", "clause_moved"):
        assert share[kind] >= 0.98, kind
    assert share["inverted"] >= 0.98 and share["two_of_these"] >= 0.94 and share["reword"] >= 0.8
    for kind in ("number_changed", "unit_changed", "name_changed", "negated"):
        assert share[kind] <= 0.004, kind
    assert share["same_paragraph"] <= 0.01 and share["same_template"] <= 0.004
    assert share["same_template_same_answer"] <= 0.05


@pytest.mark.realdata
def test_real_questions_against_all_pairs(corpora: Path) -> None:
    sources = random.Random(7).sample(real_sources(corpora), 1500)
    questions = [(s.question, s.answer) for s in sources]
    assert found_by_index(questions) == found_by_all_pairs(questions)
