"""Splits: by family, sticky, balanced; duplicates and straddlers leave with a reason."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
import polars as pl
import pytest

import webscale_dagster.verifiers as verifiers
from webscale_dagster.recipe import Recipe, RlSplits
from webscale_dagster.stages import STAGES, Context
from webscale_dagster.stages.example_prompt import example_messages, question_of
from webscale_dagster.stages.rl_splits import split_of
from webscale_dagster.tables import TABLES
from webscale_dagster.verifiers.outcome import AnswerType

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


def _run(
    pairs: list[Any],
    families: dict[str, list[str]],
    settings: RlSplits = SETTINGS,
    rates: pl.DataFrame | None = None,
) -> Any:
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
        "difficulty": TABLES["difficulty"].empty() if rates is None else rates,
        "relatives": pl.DataFrame(relatives, schema=TABLES["relatives"].schema),
        "raw_corpus": pl.DataFrame(raw),
    }
    recipe = Recipe().model_copy(update={"rl_splits": settings})
    return STAGES["rl_splits"].run(frames, Context(recipe))


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


def test_a_reworded_question_names_the_kept_one() -> None:
    asked = "Which mason built the great tower of Ulm?"
    pairs = [
        _pair(0, "a", asked),
        _pair(1, "b", "Please tell me: the great tower of Ulm was built by which mason?"),
        _pair(2, "c", "Which mason built the great northern tower of Ulm?"),
        _pair(3, "d", "Which mason built the great tower of Bonn?"),
        _pair(4, "e", "Who built the great tower of Ulm, which mason?"),
    ]
    answers = ("Ensinger", "Ulrich Ensinger", "Ensinger", "Ensinger", "Böblinger")
    named = [
        pair | {"answer": answer, "answer_type": "entity"}
        for pair, answer in zip(pairs, answers, strict=True)
    ]
    result = _run(named, {})
    assert result.kept["qa_id"].to_list() == ["q0", "q3", "q4"]  # another tower, another answer
    assert result.rejects.select("row_id", "reason", "detail").rows() == [
        ("q1", "duplicate_question", "of q0, similarity 1"),
        ("q2", "duplicate_question", "of q0, similarity 0.833"),
    ]
    stricter = SETTINGS.model_copy(update={"question_similarity": 0.9})
    assert _run(named, {}, stricter).kept["qa_id"].to_list() == ["q0", "q2", "q3", "q4"]


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


BANDS = [("trivial", 1.0, 1.0), ("learnable", 0.5, 1.0), ("hard", 0.0, 0.25), ("broken", 0.0, 0.0)]


def _rates() -> pl.DataFrame:
    """Of the pairs q0 to q3, one of each band; q4 has samples and no verdict, q5 has no row."""
    blank = dict.fromkeys(TABLES["difficulty"].schema)
    rows = [
        {"qa_id": f"q{n}", "band": band, "closed_book_rate": closed, "open_book_rate": opened}
        for n, (band, closed, opened) in enumerate([*BANDS, (None, None, 1.0)])
    ]
    given = [blank | row | {"shard": "s-00000"} for row in rows]
    return pl.DataFrame(given, schema=TABLES["difficulty"].schema)


def test_every_example_carries_its_rates() -> None:
    result = _run([_pair(n, f"d{n}") for n in range(6)], {}, rates=_rates())
    columns = ("qa_id", "band", "closed_book_rate", "open_book_rate")
    assert result.kept.select(columns).rows() == [
        *((f"q{n}", *row) for n, row in enumerate(BANDS)),
        ("q4", None, None, 1.0),
        ("q5", None, None, None),
    ]
    assert result.rejects.is_empty()


def test_only_wanted_bands_become_examples() -> None:
    settings = SETTINGS.model_copy(update={"bands": ("learnable", "hard")})
    result = _run([_pair(n, f"d{n}") for n in range(6)], {}, settings, _rates())
    assert result.kept["band"].to_list() == ["learnable", "hard"]
    assert result.rejects.select("row_id", "reason", "detail").rows() == [
        ("q0", "difficulty_band", "trivial: closed book 1, open 1"),
        ("q3", "difficulty_band", "broken: closed book 0, open 0"),
        ("q4", "difficulty_unknown", "closed book unknown, open 1"),
        ("q5", "difficulty_unknown", "closed book unknown, open unknown"),
    ]


def test_a_pair_that_leaves_for_its_band_makes_room_for_its_duplicate() -> None:
    settings = SETTINGS.model_copy(update={"bands": ("learnable",)})
    asked = "How high is the tower of Ulm?"
    result = _run([_pair(0, "a", asked), _pair(1, "b", asked)], {}, settings, _rates())
    assert result.kept["qa_id"].to_list() == ["q1"]
    assert result.rejects["reason"].to_list() == ["difficulty_band"]


def test_an_embedding_model_that_is_not_there_is_named() -> None:
    settings = SETTINGS.model_copy(update={"embedding_model": "/no/such/folder"})
    with pytest.raises(FileNotFoundError, match=r"/no/such/folder.*embedding_model"):
        _run([_pair(0, "a")], {}, settings)


def test_an_example_must_not_accept_the_truths_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two towers of 100 metres are too few to tell: only what differs is an other."""
    pairs = [_pair(n, f"d{n}") | {"answer": answer} for n, answer in enumerate(("100", "100"))]
    pairs += [_pair(2, "d2") | {"answer": "copper", "answer_type": "term"}]
    assert _run(pairs, {}).kept.height == 3
    everything = AnswerType(lambda text, _: text, lambda *_: None)
    monkeypatch.setitem(verifiers._TYPES, "number", everything)
    result = _run(pairs, {})
    assert result.kept["qa_id"].to_list() == ["q2"]
    rejects = result.rejects.select("row_id", "reason").rows()
    assert rejects == [(f"q{n}", "verifier_accepts_others") for n in range(2)]
    assert "copper" in result.rejects["detail"][0]


def test_the_balance_is_struck_without_who_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = AnswerType(lambda text, _: text, lambda *_: None)
    monkeypatch.setitem(verifiers._TYPES, "term", everything)
    pairs = [_pair(n, f"d{n}", domain="math" if n < 80 else "law") for n in range(100)]
    pairs[90] |= {"answer": "copper", "answer_type": "term"}
    settings = SETTINGS.model_copy(update={"max_domain_share": 0.6})
    result = _run(pairs, {}, settings)
    assert dict(result.kept.group_by("domain").len().rows()) == {"math": 28, "law": 19}
    reasons = dict(result.rejects.group_by("reason").len().rows())
    assert reasons == {"verifier_accepts_others": 1, "domain_balance": 52}


@pytest.mark.parametrize("instruction", ["", "Answer: <answer>", "\n End with: Answer: <answer>\n"])
def test_the_question_comes_back_out_of_its_prompt(instruction: str) -> None:
    settings = RlSplits(answer_instruction=instruction, system_prompt="Be brief.")
    prompt = orjson.dumps(example_messages("Why?", settings)).decode()
    assert question_of(prompt, settings) == "Why?"
