"""Every check of every contract can fail, and a clean frame passes all of them."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from webscale_dagster.contracts import audit
from webscale_dagster.contracts.audit import CONTRACTS
from webscale_dagster.contracts.check import common_checks
from webscale_dagster.recipe import Recipe, RlSplits
from webscale_dagster.tables import TABLES

RECIPE = Recipe()
PAIR: dict[str, Any] = {
    "qa_id": "q",
    "doc_id": "d",
    "shard": "s-00000",
    "domain": "history",
    "persona_index": 0,
    "persona": "A pupil.",
    "question": "How many kilometres long is the Danube?",
    "answer": "2,850 kilometres",
    "answer_type": "number",
    "verifier_options": "{}",
    "evidence": "The Danube is 2,850 kilometres long.",
    "evidence_start": 0,
    "evidence_end": 36,
    "model": "m",
    "prompt_version": "v",
    "verified_by": "rules",
    "quote_score": 1.0,
    "support": 1.0,
}
GOOD: dict[str, dict[str, Any]] = {
    "raw_corpus": {"doc_id": "d", "row": 0, "text": "One two.", "lang": "en", "n_words": 2},
    "near_duplicates": {"doc_id": "d", "keep_doc_id": "e", "cluster_id": "e", "jaccard": 0.9},
    "filtered_docs": {
        "doc_id": "d",
        "text": "x",
        "lang": "en",
        "n_words": 80,
        "measures": '{"a": 1}',
    },
    "personas": {"doc_id": "d", "domain": "history", "persona_index": 0, "persona": "A pupil."},
    "benchmarks": {"benchmark": "b", "benchmark_id": "1", "question": "Why?", "n_words": 1},
    "qa_pairs": PAIR,
    "verified_qa": PAIR,
    "decontaminated_set": PAIR,
    "difficulty": {
        "qa_id": "q",
        "policy": "p",
        "samples": 4,
        "closed_book_rate": 0.5,
        "open_book_rate": 1.0,
        "n_closed": 4,
        "n_open": 3,
        "n_without_verdict": 1,
        "band": "learnable",
    },
    "rl_splits": {
        "example_id": "e",
        "qa_id": "q",
        "split": "train",
        "domain": "history",
        "prompt": "[]",
        "ground_truth": "1",
        "answer_type": "number",
        "verifier_options": "{}",
        "family": "f",
    },
    "evaluation": {
        "experiment": "sft-s1",
        "set": "test",
        "group": "all",
        "metric": "pass@1",
        "k": 1,
        "value": 0.5,
        "low": 0.4,
        "high": 0.6,
        "n": 100,
    },
}
JUDGED = {"verified_by": "model", "self_contained": True, "unique": True}
BAD: list[tuple[str, str, list[dict[str, Any]]]] = [
    ("raw_corpus", "key_present", [{"doc_id": None}]),
    ("raw_corpus", "key_unique", [{}, {}]),
    ("raw_corpus", "text_present", [{"text": " \n"}]),
    ("raw_corpus", "text_is_clean", [{"text": "a\x00b"}]),
    ("raw_corpus", "words_counted", [{"n_words": 0}]),
    ("raw_corpus", "language_known", [{"lang": ""}]),
    ("near_duplicates", "keeps_another", [{"keep_doc_id": "d"}]),
    ("near_duplicates", "reaches_threshold", [{"jaccard": 0.79}]),
    ("filtered_docs", "text_present", [{"text": ""}]),
    ("filtered_docs", "language_wanted", [{"lang": "de"}]),
    ("filtered_docs", "length_wanted", [{"n_words": 3}]),
    ("filtered_docs", "measures_kept", [{"measures": None}]),
    ("personas", "persona_present", [{"persona": ""}]),
    ("personas", "domain_present", [{"domain": None}]),
    ("personas", "persona_count", [{"persona_index": 3}]),
    ("personas", "one_domain", [{}, {"persona_index": 1, "domain": "law"}]),
    ("benchmarks", "benchmark_named", [{"benchmark": " "}]),
    ("benchmarks", "question_present_or_fingerprinted", [{"question": None}]),
    ("qa_pairs", "question_present", [{"question": ""}]),
    ("qa_pairs", "answer_present", [{"answer": None}]),
    ("qa_pairs", "answer_type_known", [{"answer_type": "essay"}]),
    ("qa_pairs", "options_are_json", [{"verifier_options": "none"}]),
    ("qa_pairs", "evidence_present", [{"evidence": ""}]),
    ("verified_qa", "quote_has_its_place", [{"evidence_end": 0}]),
    ("verified_qa", "quote_is_found", [{"quote_score": 0.5}]),
    ("verified_qa", "answer_is_supported", [{"support": 0.5}]),
    ("verified_qa", "second_verdicts_are_good", [{"second_by": "m", "second_correct": False}]),
    ("verified_qa", "answer_not_in_question", [{"question": "Is it 2,850 kilometres long?"}]),
    ("verified_qa", "rules_give_no_model_verdict", [{"correct": True}]),
    ("verified_qa", "model_verdicts_are_good", [JUDGED | {"correct": False, "leaks": False}]),
    ("decontaminated_set", "model_verdicts_are_good", [JUDGED | {"correct": None}]),
    ("difficulty", "samples_accounted_for", [{"n_without_verdict": 0}]),
    ("difficulty", "policy_named", [{"policy": None}]),
    ("difficulty", "rate_iff_verdicts", [{"n_open": 0, "n_without_verdict": 4}]),
    ("difficulty", "rate_iff_verdicts", [{"closed_book_rate": None}]),
    ("difficulty", "rate_is_a_share", [{"open_book_rate": 1.5}]),
    ("difficulty", "band_fits_rates", [{"band": "hard"}]),
    ("difficulty", "band_fits_rates", [{"band": None}]),
    ("rl_splits", "split_known", [{"split": "dev"}]),
    ("rl_splits", "prompt_present", [{"prompt": ""}]),
    ("rl_splits", "truth_present", [{"ground_truth": ""}]),
    ("rl_splits", "answer_type_known", [{"answer_type": "essay"}]),
    ("rl_splits", "options_are_json", [{"verifier_options": "x"}]),
    ("rl_splits", "prompt_unique", [{}, {"example_id": "f"}]),
    ("rl_splits", "band_wanted", [{"band": "easy"}]),
    ("rl_splits", "family_in_one_split", [{}, {"example_id": "f", "split": "test"}]),
    ("evaluation", "metric_named", [{"metric": ""}]),
    ("evaluation", "value_is_a_share", [{"value": 1.2, "high": 2.0}]),
    ("evaluation", "value_is_a_share", [{"value": float("nan")}]),
    ("evaluation", "value_in_interval", [{"value": 0.7}]),
    ("evaluation", "items_counted", [{"n": 0}]),
]


def _frame(table: str, changes: list[dict[str, Any]]) -> pl.DataFrame:
    schema = TABLES[table].schema
    rows = [GOOD[table] | change for change in changes]
    return pl.DataFrame([{n: row.get(n) for n in schema} for row in rows], schema=schema)


def _failed(table: str, changes: list[dict[str, Any]]) -> list[str]:
    result = audit(table, _frame(table, changes), TABLES["rejects"].empty(), None, RECIPE)
    return [verdict.name for verdict in result.verdicts if not verdict.passed]


@pytest.mark.parametrize("table", CONTRACTS)
def test_a_clean_frame_and_an_empty_one_pass(table: str) -> None:
    assert _failed(table, [{}]) == []
    assert _failed(table, []) == []


@pytest.mark.parametrize(("table", "check", "changes"), BAD)
def test_a_check_fails(table: str, check: str, changes: list[dict[str, Any]]) -> None:
    assert check in _failed(table, changes)


def test_every_check_is_tested_to_fail() -> None:
    tested = {(table, check) for table, check, _ in BAD}
    names = {(t, c.name) for t, contract in CONTRACTS.items() for c in contract(RECIPE)}
    shared = {name for _, name in tested}
    assert {name for _, name in names} <= shared
    assert {check.name for check in common_checks("raw_corpus")} <= shared


def test_offending_rows_are_kept_with_the_verdict_but_not_whole() -> None:
    long = {"text": " " * 5000}
    rejects = TABLES["rejects"].empty()
    result = audit("raw_corpus", _frame("raw_corpus", [long] * 9), rejects, None, RECIPE)
    rows = result.offending["text_present"]
    assert len(rows) == 5 and len(rows[0]["text"]) < 400
    assert any(line.startswith("text_present: 9 offending, 1 seen") for line in result.failures)


@pytest.mark.parametrize(("lost", "passes"), [(0, True), (16, True), (17, False), (80, False)])
def test_too_many_samples_without_a_verdict_hold_the_shard(lost: int, passes: bool) -> None:
    """Of ten pairs with eight samples each, a fifth may be lost."""
    rows = []
    for n in range(10):
        here = min(lost, 8)
        lost -= here
        closed, opened = max(4 - here, 0), min(8 - here, 4)
        row = {"qa_id": f"q{n}", "n_closed": closed, "n_open": opened, "n_without_verdict": here}
        row |= {"closed_book_rate": 0.5} if closed else {"closed_book_rate": None, "band": None}
        rows.append(row | ({} if opened else {"open_book_rate": None}))
    failed = _failed("difficulty", rows)
    assert failed == ([] if passes else ["samples_have_verdicts"])


def test_only_wanted_bands_are_in_a_filtered_set() -> None:
    recipe = Recipe.model_construct(rl_splits=RlSplits(bands=("hard",)))
    for band, passes in (("hard", True), ("trivial", False), (None, False)):
        frame = _frame("rl_splits", [{"band": band}])
        found = audit("rl_splits", frame, TABLES["rejects"].empty(), None, recipe)
        assert found.passed is passes
