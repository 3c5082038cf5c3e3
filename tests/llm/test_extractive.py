"""The backend without a model: rules answer the requests of three stages, and judge nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.llm.fakes import SHARD
from webscale_dagster.llm import extractive
from webscale_dagster.llm.client import JournaledModel
from webscale_dagster.llm.extractive import Extractive
from webscale_dagster.llm.journal import Completion, Journal
from webscale_dagster.llm.questions import count_pairs, write_pairs
from webscale_dagster.llm.vocabulary import classify
from webscale_dagster.models import ModelChoice
from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.library_requests import library_requests
from webscale_dagster.stages.protocol import Request

TEXT = (
    "The human heart has four chambers. Turner syndrome affects about 1 in 2,500 newborn girls "
    "worldwide.\n\nThe process by which plants make food is called photosynthesis. "
    "He was born there in 1820. The Treaty of Westphalia was signed in 1648 in two towns."
)
DOMAINS = [
    {
        "slug": "medicine",
        "vocabulary": ["syndrome", "heart", "newborn"],
        "personas": ["a nurse", "a doctor"],
    },
    {"slug": "law", "vocabulary": ["court", "statute"], "personas": ["a clerk", "a judge"]},
    {"slug": "other", "vocabulary": ["riddle"], "personas": ["a reader", "a librarian"]},
]


class AnyReply(BaseModel):
    pass


def request(stage: str, **variables: object) -> Request:
    found = {"title": None, "domains": (), **variables}
    return Request(stage, "row", found, (), AnyReply, "v1")


def answer(stage: str, **variables: object) -> dict[str, Any]:
    reply = json.loads(extractive.answer(request(stage, **variables)))
    assert isinstance(reply, dict)
    return reply


def pairs(text: str, *indexes: int) -> list[dict[str, Any]]:
    personas = [(index, f"persona {index}") for index in indexes]
    found: list[dict[str, Any]] = answer("qa_pairs", text=text, personas=personas)["pairs"]
    return found


def test_it_judges_nothing() -> None:
    assert Extractive.verifies is False


def test_filtered_docs_keeps_a_document_with_a_fact() -> None:
    reply = answer("filtered_docs", text=TEXT)
    assert reply["informative"] is reply["self_contained"] is reply["enough_context"] is True
    assert reply["boilerplate"] is False
    assert "personas" not in reply


@pytest.mark.parametrize("text", ["", "Click here!", "I like it very much. You will too."])
def test_filtered_docs_refuses_a_document_without_one(text: str) -> None:
    reply = answer("filtered_docs", text=text)
    assert reply["informative"] is False
    assert "no sentence" in str(reply["reason"])


def test_the_merged_call_names_domain_and_personas_of_what_is_kept() -> None:
    kept = answer("filtered_docs", text=TEXT, domains=DOMAINS, max_personas=3)
    alone = answer("personas", text=TEXT, domains=DOMAINS, max_personas=3)
    assert {name: kept[name] for name in alone} == alone
    refused = answer("filtered_docs", text="Click here!", domains=DOMAINS, max_personas=3)
    assert (refused["domain"], refused["personas"]) == (None, [])


def test_personas_are_no_more_than_the_pairs() -> None:
    many = answer("personas", text=TEXT, domains=DOMAINS, max_personas=3)
    one = answer(
        "personas",
        text="The human heart has four chambers.",
        domains=DOMAINS,
        max_personas=3,
    )
    assert many == {"domain": "medicine", "personas": ["a nurse", "a doctor"]}
    assert one == {"domain": "other", "personas": ["a reader"]}


def test_qa_pairs_gives_each_persona_another_sentence_and_then_declines() -> None:
    replies = [pair for index in range(5) for pair in pairs(TEXT, index)]
    quotes = [reply["quote"] for reply in replies[:4]]
    assert len(set(quotes)) == 4
    assert all(quote in TEXT for quote in quotes)
    assert all(reply["declined"] is None for reply in replies[:4])
    assert replies[4]["declined"] == "only 4 checkable sentences"
    assert "no sentence" in pairs("Click here!", 0)[0]["declined"]


def test_one_call_for_all_personas_gives_the_same_pairs() -> None:
    assert pairs(TEXT, 0, 1, 4) == [pair for index in (0, 1, 4) for pair in pairs(TEXT, index)]
    assert [pair["persona"] for pair in pairs(TEXT, 3, 1)] == [3, 1]


def test_a_measure_has_its_unit_beside_the_answer() -> None:
    (pair,) = pairs("The Eiffel Tower is 330 metres tall.", 0)
    assert (pair["answer"], pair["answer_type"], pair["unit"]) == ("330 metres", "number", "metres")


def test_a_session_answers_all_that_it_took_at_no_cost() -> None:
    session = Extractive().open()
    for ticket, text in enumerate((TEXT, "Nothing.")):
        session.submit(ticket, "key", request("filtered_docs", text=text))
    arrived = dict(session.results(1.0))
    came = [arrived[ticket] for ticket in (0, 1)]
    verdicts = [
        json.loads(each.text)["informative"] for each in came if isinstance(each, Completion)
    ]
    assert verdicts == [True, False]
    assert came[0] == Completion(
        extractive.answer(request("filtered_docs", text=TEXT)), model="extractive"
    )
    assert session.results(0.0) == []
    session.close()


@pytest.mark.parametrize("annotate", ["separate", "merged"])
@pytest.mark.parametrize("stage", ["filtered_docs", "personas", "qa_pairs"])
@pytest.mark.parametrize("text", [TEXT, "Click here!"])
def test_its_replies_fit_the_stages_schemas(
    tmp_path: Path, annotate: str, stage: str, text: str
) -> None:
    recipe = Recipe.model_validate({"annotate": annotate})
    with Journal(tmp_path, stage, SHARD) as journal:
        model = JournaledModel(ModelChoice(), Extractive(), journal)
        replies = list(model.ask(library_requests(recipe, stage, text, "Heart")))
    assert replies and [reply.problem for reply in replies] == [None] * len(replies)


def test_another_stage_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"verified_qa.*\[model\]"):
        extractive.answer(request("verified_qa", text=TEXT))


def test_same_text_same_pairs_and_offsets_hold() -> None:
    pairs = write_pairs(TEXT, None, 8)
    assert pairs == write_pairs(TEXT, None, 8)
    assert len(pairs) == count_pairs(TEXT, None, 8) == 4
    assert all(TEXT[pair.start : pair.end] == pair.quote for pair in pairs)
    assert all(pair.answer in pair.quote for pair in pairs)


def test_unknown_words_fall_back_to_other() -> None:
    assert classify("zyx wvu", None, DOMAINS) == "other"
    assert classify("The court read the statute to the court.", None, DOMAINS) == "law"
