"""``annotate = "merged"``: fewer and larger calls, the same rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.stages.test_asking_stages import (
    DOCUMENTS,
    GENERATED,
    GOOD,
    PAIR,
    PERSONA,
    Scripted,
    _frame,
)
from tests.test_walk import COPPER, DANUBE
from webscale_dagster.llm.backends import open_model
from webscale_dagster.llm.journal import Journal
from webscale_dagster.recipe import Recipe
from webscale_dagster.stages import STAGES, Context, Result, code_version
from webscale_dagster.tables import TABLES
from webscale_dagster.walk import GENERATE

MERGED = Recipe(annotate="merged")


def _walked(recipe: Recipe, folder: Path) -> tuple[dict[str, pl.DataFrame], dict[str, int]]:
    """Tables and numbers of calls of the stages that ask, answered by the rules."""
    tables = {name: table.empty() for name, table in TABLES.items()}
    tables["raw_corpus"] = _frame(
        "raw_corpus",
        *(
            {"doc_id": title, "row": row, "text": text, "title": title, "lang": "en", "n_words": 99}
            for row, (title, text) in enumerate([("Danube", DANUBE), ("Copper", COPPER)])
        ),
    )
    calls = {}
    for name in GENERATE:
        with Journal(folder, name, "s") as journal:
            model = open_model(recipe, journal) if STAGES[name].asks_model else None
            context = Context(recipe, "s-00000", model)
            reads = {table: tables[table] for table in STAGES[name].reads}
            tables[name] = STAGES[name].run(reads, context).kept
            calls[name] = model.calls().height if model else 0
    return tables, calls


def test_both_layouts_make_the_same_pairs(tmp_path: Path) -> None:
    separate, calls = _walked(Recipe(), tmp_path / "separate")
    merged, fewer = _walked(MERGED, tmp_path / "merged")
    assert separate["qa_pairs"].height == 3
    for name in ("personas", "qa_pairs", "verified_qa", "decontaminated_set"):
        assert merged[name].equals(separate[name])
    assert calls == calls | {"personas": 2, "qa_pairs": separate["personas"].height}
    assert fewer == fewer | {"filtered_docs": 2, "personas": 0, "qa_pairs": 2}
    assert separate["filtered_docs"]["personas"].null_count() == 2


def _run(stage: str, said: Any, recipe: Recipe = MERGED, **frames: pl.DataFrame) -> Result:
    return STAGES[stage].run(frames, Context(recipe, "s-00000", Scripted(lambda request: said)))


ANNOTATED = {"informative": True, "self_contained": True, "enough_context": True}
ANNOTATED |= {"boilerplate": False, "reason": "It states lengths."}


@pytest.mark.parametrize(
    ("domain", "personas", "kept", "reason"),
    [
        ("history", ["One.", "One. ", "Two."], ["One.", "Two."], None),
        ("history", ["a", "b", "c", "d"], ["a", "b", "c"], None),
        ("history", [], [], "no_persona"),
        (None, ["One."], [], "no_domain"),
    ],
)
def test_personas_come_from_the_filters_call(
    domain: str | None, personas: list[str], kept: list[str], reason: str | None
) -> None:
    raw = _frame(
        "raw_corpus", {"doc_id": "d", "row": 0, "text": DANUBE, "lang": "en", "n_words": 99}
    )
    empty = {name: TABLES[name].empty() for name in STAGES["filtered_docs"].reads[1:]}
    said = {**ANNOTATED, "domain": domain, "personas": personas}
    documents = _run("filtered_docs", said, raw_corpus=raw, **empty).kept
    result = _run("personas", "nobody is asked", filtered_docs=documents)
    assert result.kept["persona"].to_list() == kept
    assert result.rejects["reason"].to_list() == ([reason] if reason else [])


def _slots(*indexes: int) -> pl.DataFrame:
    return _frame("personas", *(PERSONA | {"persona_index": index} for index in indexes))


def _pair(persona: int, **changes: Any) -> dict[str, Any]:
    return GENERATED | {"persona": persona, "question": f"Question {persona}?", **changes}


@pytest.mark.parametrize(
    ("pairs", "kept", "rejects"),
    [
        ([_pair(0), _pair(1), _pair(2)], [0, 1, 2], []),
        ([_pair(2), _pair(0), _pair(1)], [0, 1, 2], []),
        ([_pair(0), _pair(2)], [0, 2], [("d/1", "no_pair_in_reply")]),
        ([_pair(0), _pair(0, question="Again?"), _pair(1)], [0, 1], [("d/2", "no_pair_in_reply")]),
        ([_pair(0), _pair(1, declined="nothing"), _pair(2)], [0, 2], [("d/1", "declined")]),
        ([_pair(0), _pair(7), _pair(2)], [0, 2], [("d/1", "no_pair_in_reply")]),
        ("prose", [], [(f"d/{i}", "reply_off_schema") for i in range(3)]),
    ],
)
def test_every_persona_gets_its_own_pair(
    pairs: Any, kept: list[int], rejects: list[tuple[str, str]]
) -> None:
    said = pairs if isinstance(pairs, str) else {"pairs": pairs}
    result = _run("qa_pairs", said, personas=_slots(0, 1, 2), filtered_docs=DOCUMENTS)
    assert result.kept["persona_index"].to_list() == kept
    assert [f"Question {i}?" for i in kept] == result.kept["question"].to_list()
    assert result.rejects.select("parent_id", "reason").rows() == rejects


@pytest.mark.parametrize(
    ("verdicts", "kept", "reasons"),
    [
        ([GOOD | {"pair": 0}, GOOD | {"pair": 1}], ["q0", "q1"], []),
        ([GOOD | {"pair": 1, "unique": False}, GOOD | {"pair": 0}], ["q0"], ["not_unique"]),
        ([GOOD | {"pair": 0}], ["q0"], ["no_verdict_in_reply"]),
        ([GOOD | {"pair": 5}, GOOD | {"pair": 0}], ["q0"], ["no_verdict_in_reply"]),
    ],
)
def test_every_pair_gets_its_own_verdict(
    verdicts: list[dict[str, Any]], kept: list[str], reasons: list[str]
) -> None:
    pairs = _frame("qa_pairs", PAIR | {"qa_id": "q0"}, PAIR | {"qa_id": "q1"})
    said = {"verdicts": verdicts}
    result = _run("verified_qa", said, qa_pairs=pairs, filtered_docs=DOCUMENTS)
    assert result.kept["qa_id"].to_list() == kept
    assert result.rejects["reason"].to_list() == reasons


def test_a_call_is_made_for_each_document() -> None:
    both = pl.concat([DOCUMENTS, DOCUMENTS.with_columns(doc_id=pl.lit("e"))])
    slots = pl.concat([_slots(0, 1), _slots(0).with_columns(doc_id=pl.lit("e"))])
    for recipe, rows in ((MERGED, ["d/0,1", "e/0"]), (Recipe(), ["d/0", "d/1", "e/0"])):
        model = Scripted(lambda request: {"pairs": []})
        frames = {"personas": slots, "filtered_docs": both}
        STAGES["qa_pairs"].run(frames, Context(recipe, "s-00000", model))
        assert [request.row_id for request in model.requests] == rows
        tokens = [request.max_tokens for request in model.requests]
        assert tokens == [1024 * (row.count(",") + 1) for row in rows]


def test_the_filter_depends_on_personas_only_where_it_names_them() -> None:
    more = {"personas": {"max_personas": 5}}
    stage = STAGES["filtered_docs"]
    assert code_version(stage, Recipe()) == code_version(stage, Recipe.model_validate(more))
    merged = Recipe.model_validate(more | {"annotate": "merged"})
    assert code_version(stage, MERGED) != code_version(stage, merged)


def test_a_stage_depends_on_its_model_and_not_on_where_it_is_served() -> None:
    def version(stage: str, **model: Any) -> str:
        given = {"backend": "server", "name": "m", "endpoints": ["http://a/v1"], **model}
        checker = {"backend": "server", "name": "checker", "endpoints": ["http://a/v1"]}
        recipe = {"model": given, "models": {"c": checker}, "verified_qa": {"model": "c"}}
        return code_version(STAGES[stage], Recipe.model_validate(recipe))

    here = version("qa_pairs")
    assert version("qa_pairs", endpoints=["http://b/v1", "http://c/v1"]) == here
    assert version("qa_pairs", backend="vllm", endpoints=[], flags=["--max-model-len", "9"]) == here
    assert version("qa_pairs", price={"tokens_in": 3.0}) == here
    assert version("qa_pairs", name="other") != here
    assert version("qa_pairs", revision="2") != here
    assert version("qa_pairs", extra={"top_p": 0.9}) != here
    assert version("verified_qa", name="other") == version("verified_qa")
    assert version("decontaminated_set", name="other") == version("decontaminated_set")


def test_one_prompt_is_stale_when_edited(monkeypatch: pytest.MonkeyPatch) -> None:
    from webscale_dagster import stages

    before = {name: code_version(stage, Recipe()) for name, stage in STAGES.items()}
    read = stages.package_text
    monkeypatch.setattr(
        stages,
        "package_text",
        lambda path: read(path) + ("more" if path == "prompts/verified_qa.md" else ""),
    )
    after = {name: code_version(replace(stage), Recipe()) for name, stage in STAGES.items()}
    assert [name for name in before if before[name] != after[name]] == ["verified_qa"]
