"""Measured on real documents: the labelled sets and the corpora under WEBSCALE_CORPORA."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard

from webscale_dagster.readers.benchmarks import read_benchmarks
from webscale_dagster.recipe import Benchmarks, DecontaminatedSet, NearDuplicates
from webscale_dagster.text import Decontaminator, detect_language, find_near_duplicates, quality
from webscale_dagster.text.ngrams import ngram_rows
from webscale_dagster.text.normalise import normalise, words
from webscale_dagster.text.shingles import jaccard, shingles

pytestmark = pytest.mark.realdata


def rows(path: Path) -> list[dict[str, Any]]:
    with zstandard.open(path, "rt", encoding="utf-8") as file:
        assert isinstance(file, io.TextIOBase)
        return [json.loads(line) for line in file]


@pytest.fixture(scope="module")
def engine(corpora: Path) -> Decontaminator:
    frame = read_benchmarks(corpora / "benchmarks")
    return Decontaminator(ngram_rows(frame, Benchmarks()), frame, DecontaminatedSet())


def test_near_duplicate_pairs(corpora: Path) -> None:
    pairs = rows(corpora / "labelled" / "near_duplicate_pairs.jsonl.zst")
    exact = [jaccard(shingles(p["text_a"], 5), shingles(p["text_b"], 5)) for p in pairs]
    assert all(abs(j - p["jaccard5"]) < 5e-3 for j, p in zip(exact, pairs, strict=True))
    found = set()
    for index, pair in enumerate(pairs):
        frame = pl.DataFrame({"id": ["a", "b"], "text": [pair["text_a"], pair["text_b"]]})
        if find_near_duplicates(frame, settings=NearDuplicates()).height:
            found.add(index)
    assert found == {index for index, value in enumerate(exact) if value >= 0.8}
    assert not any(pairs[index]["label"] == 0 for index in found)


def test_benchmark_leakage(corpora: Path, engine: Decontaminator) -> None:
    leaks = pl.DataFrame(rows(corpora / "labelled" / "benchmark_leakage.jsonl.zst"))
    has_text = pl.col("text") != ""
    hits = pl.concat(
        [
            engine.find(leaks.filter(has_text).select("id", "text")),
            engine.find_pairs(leaks.filter(~has_text).select("id", "question", "answer")),
        ]
    )
    flagged = leaks.with_columns(flagged=pl.col("id").is_in(hits["id"].to_list()))
    share = dict(flagged.group_by("leak_kind").agg(pl.col("flagged").mean()).iter_rows())
    assert share["verbatim"] == 1
    assert share["number_changed"] >= 0.94
    assert share["reworded"] >= 0.97
    assert share["clean"] <= 0.005


def test_documents_a_benchmark_was_made_of_are_found(corpora: Path, engine: Decontaminator) -> None:
    asked = {
        " ".join(words(question["context"])[:12])
        for name in ("squad_v2_dev_part", "pubmedqa_test")
        for question in rows(corpora / "benchmarks" / f"{name}.jsonl.zst")
    }
    for name, least in (("wikipedia", 15), ("medicine", 350)):
        documents = rows(corpora / "corpora" / f"{name}.jsonl.zst")
        carry = {
            d["id"]
            for d in documents
            if (text := " ".join(words(d["text"]))) and any(part in text for part in asked)
        }
        hits = engine.find(pl.DataFrame(documents, infer_schema_length=None).select("id", "text"))
        flagged = set(hits["id"])
        assert len(carry) >= least
        assert len(carry - flagged) <= 0.01 * len(carry)
        assert len(flagged - carry) <= 0.01 * len(documents)


@pytest.mark.parametrize(
    ("name", "least"), [("commerce", 1), ("law", 1), ("news_government", 0.99), ("math", 0.99)]
)
def test_language_of_english_corpora(corpora: Path, name: str, least: float) -> None:
    documents = rows(corpora / "corpora" / f"{name}.jsonl.zst")
    english = sum(detect_language(d["text"])[0] == "en" for d in documents)
    assert english >= least * len(documents)


def test_languages(corpora: Path) -> None:
    documents = [
        d
        for d in rows(corpora / "corpora" / "multilingual.jsonl.zst")
        if d["domain"] != "multilingual_noise"
    ]
    right = sum(detect_language(d["text"])[0] == d["lang"] for d in documents)
    assert right >= 0.99 * len(documents)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("code_python", 0.03),
        ("textbooks_openstax", 0.1),
        ("law", 0.1),
        ("math", 0.1),
        ("medicine", 0.05),
        ("news_government", 0.05),
        ("travel", 0.05),
        ("wikipedia", 0.1),
        ("commerce", 0.1),
        ("finance", 0.35),
    ],
)
def test_good_corpora_are_not_rejected_wholesale(corpora: Path, name: str, most: float) -> None:
    texts = [normalise(d["text"]) for d in rows(corpora / "corpora" / f"{name}.jsonl.zst")[::5]]
    judged = [quality(text).failed for text in texts if len(text.split()) >= 50]
    reasons = Counter(rules[0] for rules in judged if rules)
    assert sum(reasons.values()) <= most * len(judged), reasons


def test_pages_with_menus_are_rejected_and_their_articles_are_not(corpora: Path) -> None:
    pages, articles = [], []
    for document in rows(corpora / "corpora" / "web_raw.jsonl.zst"):
        text = normalise(document["text"])
        if len(text.split()) >= 50:
            kind = document["id"].split("/")[0]
            if kind in ("aeb", "trafilatura"):
                pages.append(bool(quality(text).failed))
            elif kind == "dragnet":  # the article alone, cut out by hand
                articles.append(bool(quality(text).failed))
    assert sum(pages) >= 0.9 * len(pages)
    assert sum(articles) <= 0.05 * len(articles)
