"""Splits: by family, sticky, balanced; duplicates and straddlers leave with a reason."""

from __future__ import annotations

from collections import Counter
from typing import Any

import polars as pl

from webscale_dagster.recipe import Recipe, RlSplits
from webscale_dagster.stages import STAGES, Context
from webscale_dagster.stages.rl_splits import split_of
from webscale_dagster.tables import TABLES

SETTINGS = RlSplits(sft=0.1, validation=0.1, test=0.2)


def _pair(number: int, doc_id: str, question: str | None = None, domain: str = "history") -> Any:
    row = {name: None for name in TABLES["decontaminated_set"].schema}
    return row | {
        "qa_id": f"q{number}",
        "doc_id": doc_id,
        "shard": "s-00000",
        "domain": domain,
        "question": question or f"How many metres high is tower number {number}?",
        "answer": str(number + 10),
        "answer_type": "number",
        "verifier_options": "{}",
        "verified_by": "rules",
    }


def _run(pairs: list[Any], families: dict[str, list[str]], settings: RlSplits = SETTINGS) -> Any:
    documents = sorted({pair["doc_id"] for pair in pairs})
    relatives = [
        {
            "doc_id": doc_id,
            "shard": "s-00000",
            "family": families.get(doc_id, [doc_id])[0],
            "families": families.get(doc_id, [doc_id]),
        }
        for doc_id in documents
    ]
    raw = [
        {"shard": "s-00000", "doc_id": doc_id, "license": "CC0-1.0", "source": "s"}
        for doc_id in documents
    ]
    frames = {
        "decontaminated_set": pl.DataFrame(pairs, schema=TABLES["decontaminated_set"].schema),
        "relatives": pl.DataFrame(relatives, schema=TABLES["relatives"].schema),
        "raw_corpus": pl.DataFrame(raw),
    }
    return STAGES["rl_splits"].run(frames, Context(Recipe(rl_splits=settings)))


def test_shares_are_kept_and_a_family_never_moves() -> None:
    drawn = Counter(split_of(f"family-{n}", SETTINGS, 17) for n in range(20_000))
    for split, share in (("sft", 0.1), ("validation", 0.1), ("test", 0.2), ("train", 0.6)):
        assert abs(drawn[split] / 20_000 - share) < 0.015
    assert split_of("family-1", SETTINGS, 17) == split_of("family-1", SETTINGS, 17)


def test_relatives_share_a_split() -> None:
    families = {f"d{n}": [f"f{n // 5}"] for n in range(100)}
    result = _run([_pair(n, f"d{n}") for n in range(100)], families)
    assert result.kept.height == 100
    assert result.kept.group_by("family").agg(pl.n_unique("split"))["split"].max() == 1
    assert result.kept["split"].n_unique() > 1


def test_a_document_between_two_splits_goes_out() -> None:
    names = [f"f{n}" for n in range(50)]
    one = names[0]
    other = next(n for n in names if split_of(n, SETTINGS, 17) != split_of(one, SETTINGS, 17))
    result = _run([_pair(0, "bridge"), _pair(1, "plain")], {"bridge": [one, other]})
    assert result.kept["doc_id"].to_list() == ["plain"]
    assert result.rejects["reason"].to_list() == ["relatives_straddle_splits"]


def test_the_first_of_equal_questions_stays() -> None:
    pairs = [
        _pair(0, "a", "How high is the tower of Ulm?"),
        _pair(1, "b", "How HIGH is  the tower of Ulm"),
    ]
    result = _run(pairs, {})
    assert result.kept["qa_id"].to_list() == ["q0"]
    assert result.rejects.select("row_id", "reason").rows() == [("q1", "duplicate_question")]


def test_a_truth_its_verifier_rejects_goes_out() -> None:
    pair = _pair(0, "a") | {"answer": "not a number at all"}
    assert _run([pair], {}).rejects["reason"].to_list() == ["verifier_rejects_truth"]


def test_a_document_gives_only_so_many() -> None:
    result = _run([_pair(n, "a") for n in range(12)], {})
    assert result.kept.height == SETTINGS.max_per_document
    assert set(result.rejects["reason"]) == {"enough_of_document"}


def test_a_domain_keeps_its_share() -> None:
    pairs = [_pair(n, f"d{n}", domain="math" if n < 80 else "law") for n in range(100)]
    settings = SETTINGS.model_copy(update={"max_domain_share": 0.6})
    result = _run(pairs, {}, settings)
    counts = dict(result.kept.group_by("domain").len().rows())
    assert counts == {"math": 30, "law": 20}
    assert result.rejects["reason"].to_list() == ["domain_balance"] * 50
    assert _run(pairs, {}, settings).kept.equals(result.kept)
