"""The generated source: the same bytes by seed, clean documents, and only right pairs of them."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from webscale_dagster.llm.questions import write_pairs
from webscale_dagster.recipe import load_recipe
from webscale_dagster.stages.example_prompt import example_messages
from webscale_dagster.text.language import detect_language
from webscale_dagster.text.quality import quality
from webscale_dagster.text.shingles import containment, jaccard, shingles
from webscale_dagster.training.generated_source import (
    MOST_DOCUMENTS,
    answers,
    records,
    write_generated_source,
)
from webscale_dagster.verifiers import verify

SEED = 1


def test_the_seed_decides_the_bytes(tmp_path: Path) -> None:
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    write_generated_source(one, 40, SEED)
    write_generated_source(same, 40, SEED)
    write_generated_source(other, 40, SEED + 1)
    assert one.read_bytes() == same.read_bytes()
    texts = [
        {json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()}
        for path in (one, other)
    ]
    assert len(texts[0]) == len(texts[1]) == 40
    assert not texts[0] & texts[1]


def test_more_documents_begin_with_the_same_ones() -> None:
    few, all_of_them = list(records(40, SEED)), list(records(MOST_DOCUMENTS, SEED))
    assert all_of_them[:40] == few
    assert len({record["id"] for record in all_of_them}) == MOST_DOCUMENTS


def test_more_than_the_valley_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="houses for"):
        list(records(MOST_DOCUMENTS + 1, SEED))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_document_passes_the_free_filters(seed: int) -> None:
    settings = load_recipe("experiment").filtered_docs
    for record in records(MOST_DOCUMENTS, seed):
        text = record["text"]
        failed = quality(text, rules_off=settings.rules_off, thresholds=settings.thresholds).failed
        assert not failed, f"{record['id']}: {failed}\n{text}"
        assert len(text.split()) >= settings.min_words
        assert detect_language(text)[0] == "en"


def test_every_document_is_a_family_of_its_own() -> None:
    settings = load_recipe("experiment").near_duplicates
    sets = [shingles(record["text"], settings.shingle_words) for record in records(150, SEED)]
    for one, other in combinations(sets, 2):
        assert jaccard(one, other) < settings.related_threshold
        assert containment(one, other) < 0.8


def test_every_pair_is_right() -> None:
    right, kinds = answers(SEED), Counter[str]()
    asked: list[str] = []
    for record in records(40, SEED):
        pairs = write_pairs(record["text"], record["title"], 8)
        assert len(pairs) >= 4
        for pair in pairs:
            assert pair.answer == right[pair.question]
            options = {**pair.options, "question": pair.question}
            said = f"Answer: {right[pair.question]}"
            assert verify(pair.answer_type, said, pair.answer, **options).score == 1.0
            kinds[pair.answer_type] += 1
            asked.append(pair.question)
    assert len(asked) == len(set(asked)) >= 240
    expected = {"number", "date", "entity", "currency", "percent", "duration", "term"}
    assert set(kinds) == expected and min(kinds.values()) >= 20


def test_no_question_of_the_dataset_stands_in_a_document() -> None:
    documents = list(records(MOST_DOCUMENTS, SEED))
    told = {line for record in documents for line in record["text"].split("\n")}
    quiz = told & answers(SEED).keys()
    assert len(quiz) == MOST_DOCUMENTS
    for record in documents:
        pairs = write_pairs(record["text"], record["title"], 8)
        assert not quiz & {pair.question for pair in pairs}


def test_a_fact_stands_in_one_document_only() -> None:
    """So no document of train answers a question of test, be it in other words."""
    facts = Counter[tuple[str, str, str]]()
    for record in records(MOST_DOCUMENTS, SEED):
        for pair in write_pairs(record["text"], record["title"], 8):
            house = re.search(r"\w+ of [A-Z]\w+", pair.question)
            assert house is not None
            facts[house[0], pair.answer_type, pair.options.get("unit", "")] += 1
    assert len(facts) >= 2000 and max(facts.values()) == 1


def test_the_prompt_is_the_bare_question() -> None:
    settings = load_recipe("experiment").rl_splits
    messages = example_messages("How tall is the mill of Orvane?", settings)
    assert [dict(message) for message in messages] == [
        {"role": "user", "content": "How tall is the mill of Orvane?"}
    ]
