import json

import pytest
from pydantic import BaseModel

from webscale_dagster.llm.extractive import Extractive
from webscale_dagster.llm.questions import count_pairs, write_pairs
from webscale_dagster.llm.vocabulary import classify
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
    return Request(stage, "row", {"title": None, **variables}, (), AnyReply, "v1")


def answer(stage: str, **variables: object) -> dict[str, object]:
    reply = json.loads(Extractive().answer(request(stage, **variables)))
    assert isinstance(reply, dict)
    return reply


def test_names_itself_and_judges_nothing() -> None:
    assert Extractive.name == "extractive"
    assert Extractive.verifies is False


def test_filtered_docs_keeps_a_document_with_a_fact() -> None:
    reply = answer("filtered_docs", text=TEXT)
    assert reply["informative"] is True
    assert reply["self_contained"] is True


@pytest.mark.parametrize("text", ["", "Click here!", "I like it very much. You will too."])
def test_filtered_docs_refuses_a_document_without_one(text: str) -> None:
    reply = answer("filtered_docs", text=text)
    assert reply["informative"] is False
    assert "no sentence" in str(reply["reason"])


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
    replies = [answer("qa_pairs", text=TEXT, persona_index=index) for index in range(5)]
    quotes = [reply["quote"] for reply in replies[:4]]
    assert len(set(quotes)) == 4
    assert all(str(quote) in TEXT for quote in quotes)
    assert all(reply["declined"] is None for reply in replies[:4])
    assert replies[4]["declined"] == "only 4 checkable sentences"


def test_complete_answers_in_place() -> None:
    requests = [request("filtered_docs", text=text) for text in (TEXT, "Nothing.")]
    completions = dict(Extractive().complete(requests))
    verdicts = [json.loads(completions[place].text)["informative"] for place in (0, 1)]
    assert verdicts == [True, False]
    assert completions[0].tokens_out == 0


def test_another_stage_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"verified_qa.*\[model\]"):
        Extractive().answer(request("verified_qa", text=TEXT))


def test_same_text_same_pairs_and_offsets_hold() -> None:
    pairs = write_pairs(TEXT, None, 8)
    assert pairs == write_pairs(TEXT, None, 8)
    assert len(pairs) == count_pairs(TEXT, None, 8) == 4
    assert all(TEXT[pair.start : pair.end] == pair.quote for pair in pairs)
    assert all(pair.answer in pair.quote for pair in pairs)


def test_unknown_words_fall_back_to_other() -> None:
    assert classify("zyx wvu", None, DOMAINS) == "other"
    assert classify("The court read the statute to the court.", None, DOMAINS) == "law"
