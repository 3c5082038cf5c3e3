"""The corpus in the package: complete, readable, varied, and defective exactly where it says so."""

from __future__ import annotations

import itertools
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(str(resources.files("webscale_dagster") / "samples"))
REQUIRED = ("articles.jsonl", "web.jsonl", "benchmark.jsonl")
DOCUMENT_FIELDS = {"id", "title", "text", "url", "license", "group", "lang"}
MAX_JACCARD = 0.2  # far below the 0.6 at which documents count as related
SHINGLE_WORDS = 5  # as the recipe's near_duplicates


def _rows(name: str) -> list[dict[str, Any]]:
    lines = (SAMPLES / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _document_files() -> list[str]:
    return sorted(p.name for p in SAMPLES.glob("*.jsonl") if p.name != "benchmark.jsonl")


def _shingles(text: str, size: int) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}


@pytest.mark.parametrize("name", REQUIRED)
def test_file_is_there_and_every_line_is_an_object(name: str) -> None:
    rows = _rows(name)
    assert rows
    assert all(isinstance(row, dict) for row in rows)


def test_ids_are_unique_over_all_documents() -> None:
    ids = [row["id"] for name in _document_files() for row in _rows(name)]
    assert len(ids) >= 120
    assert len(set(ids)) == len(ids)


def test_articles_have_every_field_and_a_fair_length() -> None:
    for row in _rows("articles.jsonl"):
        assert set(row) == DOCUMENT_FIELDS, row["id"]
        assert all(isinstance(value, str) and value.strip() for value in row.values()), row["id"]
        assert 150 <= len(row["text"].split()) <= 800, row["id"]
        assert "\n\n" in row["text"], row["id"]
        assert (row["lang"], row["license"]) == ("en", "CC0-1.0"), row["id"]
        assert row["url"].startswith("https://example.org/"), row["id"]


def test_articles_come_from_every_domain() -> None:
    prefixes = {row["id"].split("-")[0] for row in _rows("articles.jsonl")}
    expected = {"physics", "chemistry", "biology", "medicine", "history"}
    assert expected | {"geography", "maths", "computing", "astronomy", "earth"} == prefixes


def test_no_two_articles_resemble_each_other() -> None:
    sets = {row["id"]: _shingles(row["text"], SHINGLE_WORDS) for row in _rows("articles.jsonl")}
    for (a, left), (b, right) in itertools.combinations(sets.items(), 2):
        assert len(left & right) / len(left | right) <= MAX_JACCARD, (a, b)


def test_web_pages_name_their_defects() -> None:
    defects = [row["defect"] for row in _rows("web.jsonl") if row.get("defect")]
    assert len(defects) >= 25
    assert len(set(defects)) > 1


def test_benchmark_questions_are_complete() -> None:
    rows = _rows("benchmark.jsonl")
    assert len({row["id"] for row in rows}) == len(rows) == 24
    for row in rows:
        assert row["benchmark"] == "sample_quiz"
        assert 12 <= len(row["question"].split()) <= 45, row["id"]
        assert row["question"].endswith("?"), row["id"]
        assert row["choices"] is None or row["answer"] in row["choices"], row["id"]


def test_clean_articles_hold_no_benchmark_question() -> None:
    articles = [(row["id"], _shingles(row["text"], 8)) for row in _rows("articles.jsonl")]
    for question in _rows("benchmark.jsonl"):
        wanted = _shingles(question["question"], 8)
        for article_id, found in articles:
            assert not wanted & found, (question["id"], article_id)
