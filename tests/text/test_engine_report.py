"""The report counts what is there: by an engine that works, and by one that finds nothing."""

from __future__ import annotations

import json

import polars as pl
import pytest

from tests.text.samples import prose
from webscale_dagster.recipe import Benchmarks, Recipe
from webscale_dagster.text import Decontaminator, near_duplicates
from webscale_dagster.text.engine_report import Measure, Report, labelled_report, planted_report
from webscale_dagster.text.ngrams import ngram_rows

DOCUMENTS = [prose(seed, 150) for seed in range(60)]
ASKED = (
    "A farmer has 12 cows and buys 30 more each year; how many cows does he have after 4 years?",
    "Which of the following is the largest moon of the planet that was seen first in 1610?",
    "How long does a letter take by ship from the old harbour to the island in winter?",
)
QUESTIONS = pl.DataFrame(
    [("quiz", str(i), text, "x", None, len(text.split())) for i, text in enumerate(ASKED)],
    ["benchmark", "benchmark_id", "question", "answer", "context", "n_words"],
    orient="row",
).with_columns(pl.col("context").cast(pl.String))


@pytest.fixture(scope="module")
def engine() -> Decontaminator:
    return Decontaminator(
        ngram_rows(QUESTIONS, Benchmarks()), QUESTIONS, Recipe().decontaminated_set
    )


def _share(report: Report, kind: str, form: str = "") -> float | None:
    (row,) = [m for m in report.measures if (m.kind, m.form) == (kind, form)]
    return row.share


def test_a_working_engine(engine: Decontaminator) -> None:
    report = planted_report(DOCUMENTS, QUESTIONS, engine, Recipe())
    assert (report.documents, report.questions) == (60, 3)
    assert _share(report, "recall") == _share(report, "precision") == 1
    assert _share(report, "exact") == 1 and _share(report, "edits_40") == 0
    for form in ("document", "pair"):
        assert _share(report, "verbatim", form) == 1 and _share(report, "clean", form) == 0
    assert report.verbatim.missed == 0 and report.verbatim.rows == 3
    assert {"leak: verbatim", "no leak: clean", "exact Jaccard >= 0.7: precision"} <= {
        row.title for row in report.short()
    }
    assert report == planted_report(DOCUMENTS, QUESTIONS, engine, Recipe())


def test_an_engine_that_finds_nothing(
    engine: Decontaminator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(frame: pl.DataFrame, **_: object) -> pl.DataFrame:
        return frame.head(0).select("id", keep_id="id")

    monkeypatch.setattr(near_duplicates, "find_near_duplicates", nothing)
    monkeypatch.setattr(engine, "find", nothing)
    monkeypatch.setattr(engine, "find_pairs", nothing)
    report = planted_report(DOCUMENTS, QUESTIONS, engine, Recipe())
    assert _share(report, "recall") == 0 and _share(report, "precision") is None
    assert report.verbatim.missed == report.verbatim.rows == 3


def test_a_wrong_merge_costs_precision(
    engine: Decontaminator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_two(frame: pl.DataFrame, **_: object) -> pl.DataFrame:
        return pl.DataFrame({"id": ["1"], "keep_id": ["0"]})

    monkeypatch.setattr(near_duplicates, "find_near_duplicates", first_two)
    assert _share(planted_report(DOCUMENTS, QUESTIONS, engine, Recipe()), "precision") == 0


def test_no_documents_and_no_questions(engine: Decontaminator) -> None:
    report = planted_report(["short"], QUESTIONS.head(0), engine, Recipe())
    assert report.verbatim == Measure("leaks", "verbatim", "", 0, 0, "leak")
    assert report.verbatim.missed == 0 and (report.documents, report.questions) == (0, 0)


def test_labelled_rows(engine: Decontaminator) -> None:
    pairs = pl.DataFrame(
        {"label": [0, 1], "kind": ["topic", "copy"], "text_a": [DOCUMENTS[0], DOCUMENTS[2]],
         "text_b": [DOCUMENTS[1], DOCUMENTS[2].upper()]}
    )  # fmt: skip
    leaks = pl.DataFrame(
        {"leak_kind": ["verbatim", "verbatim", "clean"],
         "text": [f"{DOCUMENTS[0]} {ASKED[0]}", "", DOCUMENTS[1]],
         "question": [None, ASKED[1], None], "answer": [None, "Ganymede", None]}
    )  # fmt: skip
    report = labelled_report(pairs, leaks, engine, Recipe())
    assert _share(report, "copy") == 1 and _share(report, "unlike: topic") == 0
    assert _share(report, "verbatim", "document") == _share(report, "verbatim", "pair") == 1
    assert _share(report, "clean", "document") == 0


def test_it_comes_back_from_json(engine: Decontaminator) -> None:
    report = planted_report(DOCUMENTS[:12], QUESTIONS, engine, Recipe())
    assert Report.of(json.loads(json.dumps(report.as_dict()))) == report
