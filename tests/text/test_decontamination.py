from __future__ import annotations

import hashlib
import re
import textwrap

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text.samples import edited, prose
from webscale_dagster.recipe import Benchmarks, DecontaminatedSet
from webscale_dagster.tables import TABLES
from webscale_dagster.text import Decontaminator
from webscale_dagster.text.kernels.tokens import Hashes
from webscale_dagster.text.ngrams import ngram_rows
from webscale_dagster.text.postings import Postings, Words
from webscale_dagster.text.shingles import ngram_hashes

STORY = (
    "A lighthouse keeper named Ottoline paints 14 boats every month for the harbour museum. She"
    " sells 9 of them at the winter fair for 25 crowns apiece and gives the remaining boats to her"
    " nephew. How many crowns does Ottoline earn at the fair over three months?"
)
HARBOUR = "In which coastal town did the painter Ottoline Marsh open her first harbour workshop?"
SUM = "Compute $3^{17} + 5^{12} + 2^{9}$ modulo $23$."
MOON = "What is the largest moon of the planet Vorunda?"
SHORT = "Who painted Ottoline?"
PASSAGE = prose(77, 120)
ASKED = "When was the passage about the syllables written down for the first time?"
SECRET = (
    "The withheld question asks which of four invented minerals glows under violet light at dusk"
)


def fingerprints(text: str, n: int = 8) -> list[str]:
    tokens = re.findall("[a-z0-9]+", text.lower())
    runs = (" ".join(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
    return [hashlib.sha256(run.encode()).hexdigest()[:16] for run in runs]


def benchmarks() -> pl.DataFrame:
    questions = {"story": STORY, "harbour": HARBOUR, "sum": SUM, "moon": MOON, "short": SHORT}
    rows = [("school", name, text, None, None, None) for name, text in questions.items()]
    rows += [("reading", f"r{i}", f"{ASKED} ({i})", PASSAGE, None, None) for i in range(3)]
    rows += [("secret", "s1", None, None, fingerprints(SECRET), 8)]
    # A template: every word of it is in too many questions to say anything.
    rows += [
        ("puzzle", f"p{i}", f"{TEMPLATE} {i} and {i * 7 % 100}.", None, None, None)
        for i in range(40)
    ]
    return pl.DataFrame(
        rows,
        {
            "benchmark": pl.String,
            "benchmark_id": pl.String,
            "question": pl.String,
            "context": pl.String,
            "hashes": pl.List(pl.String),
            "ngram": pl.Int64,
        },
        orient="row",
    )


TEMPLATE = "If you follow these steps do you return to where you started? Walk the distances"


@pytest.fixture(scope="module")
def engine() -> Decontaminator:
    frame = benchmarks()
    return Decontaminator(ngram_rows(frame, Benchmarks()), frame, DecontaminatedSet())


def in_document(engine: Decontaminator, text: str) -> dict[str, str]:
    hits = engine.find(pl.DataFrame({"id": ["d"], "text": [text]}))
    return dict(hits.select("benchmark_id", "rule").iter_rows())


def in_pair(engine: Decontaminator, question: str, answer: str | None = "42") -> dict[str, str]:
    pairs = pl.DataFrame({"id": ["q"], "question": [question], "answer": [answer]})
    hits = engine.find_pairs(pairs.cast(pl.String))
    return dict(hits.select("benchmark_id", "rule").iter_rows())


def planted(text: str) -> str:
    return f"{prose(1, 400)}\n\n{text}\n\n{prose(2, 400)}"


REWORDED = STORY.replace("named", "called").replace("every month", "each month")


@pytest.mark.parametrize(
    ("text", "benchmark_id", "rule"),
    [
        (STORY, "story", "question"),
        (STORY.upper(), "story", "question"),
        (re.sub(r"[^\w\s]", "", STORY), "story", "question"),
        ("\n".join(textwrap.wrap(STORY, 30)), "story", "question"),
        (STORY.replace(" ", "  \n> "), "story", "question"),
        (STORY.replace("14", "15").replace("25", "31"), "story", "question_numbers"),
        (REWORDED, "story", "question_overlap"),
        (HARBOUR, "harbour", "question"),
        (SUM, "sum", "question"),
        (MOON, "moon", "question"),
        (f"{TEMPLATE} 3 and 21.", "p3", "question"),
    ],
)
def test_planted_questions(engine: Decontaminator, text: str, benchmark_id: str, rule: str) -> None:
    assert in_document(engine, planted(text)) == {benchmark_id: rule}
    assert in_pair(engine, text) == {benchmark_id: rule}
    assert in_document(engine, text) == {benchmark_id: rule}


@pytest.mark.parametrize(
    "text",
    [
        prose(3, 2000),
        "The largest moon of the planet Vorunda is named after a baker.",  # states the answer
        "The painter opened her first harbour workshop in a coastal town.",
        f"{TEMPLATE} you like best.",
        "Compute 3 + 5 modulo 23, then 17 and 12.",
        " ".join(STORY.split()[:12]),
        "Who painted Ottoline?",  # too short to accuse a document
        " ".join(sorted(STORY.split())),
        "",
        "!!!",
    ],
)
def test_clean_documents(engine: Decontaminator, text: str) -> None:
    assert in_document(engine, text) == {}
    assert in_document(engine, planted(text)) == {}


def test_words_scattered_over_a_page_are_no_question(engine: Decontaminator) -> None:
    pieces = [" ".join(STORY.split()[i : i + 7]) for i in range(0, 49, 7)]
    assert in_document(engine, " ".join(f"{piece} {prose(9, 60)}" for piece in pieces)) == {}


def test_the_row_of_a_hit(engine: Decontaminator) -> None:
    hits = engine.find(pl.DataFrame({"id": ["d1", "d2"], "text": [prose(4, 50), planted(STORY)]}))
    assert hits.columns == ["id", "benchmark", "benchmark_id", "rule", "score", "match"]
    row = hits.row(0, named=True)
    assert hits.height == 1
    assert row["id"] == "d2"
    assert row["score"] == 1
    assert row["match"].startswith("lighthouse keeper named ottoline paints 14 boats")


def test_passages_are_found_in_documents_by_one_question_each(engine: Decontaminator) -> None:
    assert in_document(engine, f"Intro. {PASSAGE.upper()} {prose(5, 300)}") == {"r0": "context"}
    words = PASSAGE.split()
    assert in_document(engine, planted(" ".join(words[:90]))) == {"r0": "context"}
    assert in_document(engine, planted(" ".join(words[:40]))) == {}


def test_fingerprints_are_found_without_the_text(engine: Decontaminator) -> None:
    for shift in range(5):  # whatever the question's place among the hashed runs
        text = f"{prose(6, 40)} {'word ' * shift}{SECRET.replace(' ', '-')}, it says."
        assert in_document(engine, text) == {"s1": "fingerprint"}
    assert in_pair(engine, SECRET) == {"s1": "fingerprint"}
    assert in_document(engine, " ".join(SECRET.split()[:9])) == {}


def test_pairs_with_a_short_or_reworded_benchmark_question(engine: Decontaminator) -> None:
    assert in_pair(engine, "WHO painted Ottoline") == {"short": "question"}
    assert in_pair(
        engine,
        "In which seaside town did the painter Ottoline Marsh open her first harbour workshop?",
    ) == {"harbour": "question_overlap"}
    assert in_pair(engine, "What do gulls eat in winter?", STORY) == {"story": "question"}
    assert in_pair(engine, "What do gulls eat in winter?", None) == {}


def test_a_pair_may_be_a_piece_of_a_longer_question(engine: Decontaminator) -> None:
    piece = "How many crowns does Ottoline earn at the fair over three months?"
    assert in_pair(engine, piece) == {"story": "question_part"}
    assert in_document(engine, planted(piece)) == {}


def test_ngram_rows_fit_their_table_and_leave_out_stock_phrases() -> None:
    rows = ngram_rows(benchmarks(), Benchmarks())
    assert rows.schema == TABLES["benchmark_ngrams"].schema
    assert not rows.is_duplicated().any()
    parts = rows.group_by("benchmark_id", "part").len()
    found = {(i, part): n for i, part, n in parts.iter_rows()}
    assert ("p0", "question") not in found
    assert found["p0", "short_question"] == 1
    assert found["sum", "short_question"] == 1
    assert ("short", "short_question") not in found
    assert found["r0", "context"] == 120 - 13 + 1
    assert ("r1", "context") not in found
    assert found["s1", "fingerprint"] == len(fingerprints(SECRET))
    signed = rows.filter(pl.col("part") == "fingerprint")["hash"].to_numpy().view(np.uint64)
    assert {f"{value:016x}" for value in signed.tolist()} == set(fingerprints(SECRET))


def test_rows_of_two_recipes_do_not_mix() -> None:
    frame = benchmarks()
    rows = pl.concat([ngram_rows(frame, Benchmarks(ngram_words=n)) for n in (4, 5)])
    with pytest.raises(ValueError, match=r"question has n-grams of \[4, 5\] words"):
        Decontaminator(rows, frame, DecontaminatedSet())


def test_no_benchmarks_find_nothing() -> None:
    frame = benchmarks().clear()
    engine = Decontaminator(ngram_rows(frame, Benchmarks()), frame, DecontaminatedSet())
    assert in_document(engine, STORY) == {}
    assert in_pair(engine, STORY) == {}


def test_the_questions_table_is_enough() -> None:
    frame = benchmarks()
    stored = frame.select("benchmark", "benchmark_id", "question", "context")
    engine = Decontaminator(ngram_rows(frame, Benchmarks()), stored, DecontaminatedSet())
    assert in_document(engine, planted(SECRET)) == {"s1": "fingerprint"}
    assert in_document(engine, planted(STORY)) == {"story": "question"}


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.lists(st.integers(0, 3), min_size=2, max_size=2), st.integers(0, 5))),
    st.lists(st.lists(st.integers(0, 4), max_size=9), max_size=4),
)
def test_postings_are_a_dictionary(
    pairs: list[tuple[list[int], int]], texts: list[list[int]]
) -> None:
    def hashed(numbers: list[int]) -> Hashes:
        return np.array([n * 0x9E3779B97F4A7C15 % 2**64 for n in numbers], np.uint64)

    grams = [int(ngram_hashes(hashed(gram), 2)[0]) for gram, _ in pairs]
    postings = Postings(2, np.array(grams, np.uint64), np.array([o for _, o in pairs], np.int64))
    offsets = np.cumsum([0, *map(len, texts)])
    hits = postings.find(Words(hashed([n for text in texts for n in text]), offsets))
    found = sorted(zip(hits.texts, hits.places, hits.owners, strict=True))
    assert found == sorted(
        (text, at, owner)
        for text, numbers in enumerate(texts)
        for at in range(len(numbers) - 1)
        for gram, owner in pairs
        if gram == numbers[at : at + 2]
    )


@pytest.mark.parametrize("seed", range(20))
def test_lightly_edited_questions_are_found(engine: Decontaminator, seed: int) -> None:
    assert "story" in in_document(engine, planted(edited(STORY, 0.08, seed)))
