"""From a raw completion to a reply that fits, or to the problem that it has."""

from __future__ import annotations

import enum
import json
from typing import Annotated, Any, Literal

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, create_model

from tests.llm.fakes import Answer, request
from webscale_dagster.llm.journal import Completion, request_key
from webscale_dagster.llm.replies import read_reply, repair, schema_bytes, wire_schema
from webscale_dagster.stages.protocol import UNUSABLE, Reply, Request
from webscale_dagster.stages.reply import at_most, items


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str
    more: list[str] = []


def _read(text: str, finish: str = "stop", reply: type[BaseModel] = Note) -> Reply:
    return read_reply(request(reply=reply), Completion(text, finish_reason=finish))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"text": "a"}', "a"),
        (' \n{"text": "a", "more": []}\n ', "a"),
        ('{"text": "a\\nb\\u0000c"}', "a\nb\x00c"),
        ('```json\n{"text": "a"}\n```', "a"),
        ('```\n{"text": "a"}```\nI hope that helps!', "a"),
        ('Here it is: {"text": "a"}', "a"),
        ('\ufeff{"text": "a"}', "a"),
        ('<think>\nNo {braces}? "Quotes"?\n</think>\n\n{"text": "a"}', "a"),
        ('<thinking>{"text": "b"}</thinking>{"text": "a"}', "a"),
        ('<think>{</think><think>}</think>{"text": "a"}', "a"),
        ('{"text": "two\nlines"}', "two lines"),
        ('{"text": "tab\there"}', "tab here"),
        ('{"text": "nul\x00here"}', "nul here"),
        ('{"text": "\x1f\x0b"}', "  "),
        ('{"text": "lone \\ud800 surrogate"}', "lone ? surrogate"),
        ('{"text": "pair \\ud83d\\ude00"}', "pair 😀"),
    ],
)
def test_what_is_plainly_there_is_read(text: str, value: str) -> None:
    reply = _read(text)
    assert reply.problem is None
    assert reply.value == Note(text=value)
    assert reply.text == text


def test_lenient_reading_reaches_into_lists() -> None:
    reply = _read('{"text": "a", "more": ["b\nc", "\\udfff"]}')
    assert reply.value == Note(text="a", more=["b c", "?"])


@pytest.mark.parametrize(
    ("text", "finish", "problem"),
    [
        ('{"text": "cut o', "length", "reply_cut_off"),
        ("", "length", "reply_cut_off"),
        ('<think>and so on { "text": "', "length", "reply_cut_off"),
        ("", "stop", "reply_empty"),
        (" \n\t", "stop", "reply_empty"),
        ("I would rather not.", "stop", "reply_not_json"),
        ("{", "stop", "reply_not_json"),
        ("} {", "stop", "reply_not_json"),
        ("<think>{}</think>", "stop", "reply_not_json"),
        ('{"text": "a"', "stop", "reply_not_json"),
        ('{"text": "a"} {"text": "b"}', "stop", "reply_not_json"),
        ('{"text": "a "quoted" word"}', "stop", "reply_not_json"),
        ('{"text": "line\nand "quote""}', "stop", "reply_not_json"),
        ('{"text": "a\x00 "quoted" word"}', "stop", "reply_control_characters"),
        ('{"text": "a\x0c" b"}', "stop", "reply_control_characters"),
        ('{"words": "a"}', "stop", "reply_off_schema"),
        ('{"text": 5}', "stop", "reply_off_schema"),
        ('{"text": "a", "extra": 1}', "stop", "reply_off_schema"),
        ("[]", "stop", "reply_off_schema"),
        ('"text"', "stop", "reply_off_schema"),
        ("null", "stop", "reply_off_schema"),
        ('```{"words": "a"}```', "stop", "reply_off_schema"),
        ('{"text": "a"}', "content_filter", "reply_refused"),
        ("I cannot help with that.", "refusal", "reply_refused"),
        ("", "content_filter", "reply_refused"),
    ],
)
def test_each_problem(text: str, finish: str, problem: str) -> None:
    reply = _read(text, finish)
    assert (reply.problem, reply.value, reply.text) == (problem, None, text)
    assert reply.error
    assert problem in UNUSABLE
    assert reply.reject[0] == problem and text in reply.reject[1]


@pytest.mark.parametrize(
    ("text", "finish"),
    [
        ("It is 5.\n\nAnswer: 5", "stop"),
        ("<think>Is it", "length"),
        ('{"text": "cut o', "length"),
        ("", "length"),  # all of it went into reasoning that the server keeps to itself
        ("I cannot help with that.", "refusal"),
        ("", "content_filter"),
        ("tab\there, nul \x00 there", "stop"),
    ],
)
def test_a_free_reply_is_whatever_was_said(text: str, finish: str) -> None:
    reply = read_reply(request(reply=None), Completion(text, finish_reason=finish))
    assert (reply.problem, reply.value, reply.text) == (None, text, text)


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_a_free_reply_that_says_nothing_is_none(text: str) -> None:
    assert read_reply(request(reply=None), Completion(text)).problem == "reply_empty"


def test_a_reply_that_is_whole_is_used_though_it_was_the_last_token() -> None:
    assert _read('{"text": "a"}', "length").value == Note(text="a")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"text": 5}', "text: Input should be a valid string"),
        ("{}", "text: Field required"),
        ('{"text": "a", "more": ["b", 2]}', "more.1: Input should be a valid string"),
        ('x {"text": "a", "extra": 1}', "extra: Extra inputs are not permitted"),
        ("[]", "Input should be an object"),
    ],
)
def test_the_error_says_where(text: str, where: str) -> None:
    assert _read(text).error == where


@pytest.mark.parametrize(
    "text",
    ['{"text":' * 5000 + "1" + "}" * 5000, '{"text": ' + "[" * 900 + "]" * 900 + "}", "{" * 10**5],
)
def test_what_is_nested_without_an_end_is_a_problem_and_no_crash(text: str) -> None:
    assert _read(text).problem in ("reply_not_json", "reply_off_schema")


@given(st.text(max_size=60), st.sampled_from(["stop", "length", "content_filter", "eos"]))
@example('{"text": "\ud800"}', "stop")
@example('{"text": 1' + "0" * 5000 + "}", "stop")
@settings(deadline=None)
def test_whatever_text_comes_it_is_a_value_or_a_known_problem(text: str, finish: str) -> None:
    reply = _read(text, finish)
    assert (reply.value is None) == (reply.problem in UNUSABLE)


@given(st.text(), st.lists(st.text(), max_size=3), st.booleans())
@settings(deadline=None)
def test_a_good_reply_survives_whatever_stands_around_it(
    text: str, more: list[str], escaped: bool
) -> None:
    whole = json.dumps({"text": text, "more": more}, ensure_ascii=escaped)
    reply = _read(f"Sure!\n```json\n{whole}\n```")
    assert reply.problem is None
    assert reply.value is not None and len(reply.value.more) == len(more)


# -- the repair -----------------------------------------------------------------------------------


def _repaired(text: str, finish: str = "stop") -> tuple[Request, Request]:
    asked = request("do it", reply=Note, max_tokens=100, temperature=0.7, seed=3)
    return asked, repair(asked, read_reply(asked, Completion(text, finish_reason=finish)))


def test_after_a_cut_off_reply_there_is_more_room_and_no_other_word() -> None:
    asked, again = _repaired('{"text": "cut', "length")
    assert again.max_tokens == 200
    assert again.messages == asked.messages


@pytest.mark.parametrize(
    ("text", "finish", "told"),
    [
        ("no", "stop", "JSON"),
        ('{"text": 5}', "stop", "valid string"),
        ('{"text": "\x00" "}', "stop", "control character"),
        ("", "stop", "no text"),
        ("I cannot.", "refusal", "quoted for analysis"),
    ],
)
def test_else_the_model_sees_what_it_said_and_what_is_wrong(
    text: str, finish: str, told: str
) -> None:
    asked, again = _repaired(text, finish)
    *before, said, message = again.messages
    assert tuple(before) == asked.messages
    assert said == {"role": "assistant", "content": text.strip() or "(no text)"}
    assert message["role"] == "user" and told in message["content"]
    assert (again.max_tokens, again.temperature, again.seed) == (100, 0.7, 3)
    assert again.reply is asked.reply and again.row_id == asked.row_id


def test_a_long_broken_reply_is_quoted_in_part() -> None:
    _, again = _repaired("no " * 9000)
    assert len(again.messages[-2]["content"]) <= 2000


@pytest.mark.parametrize(("text", "finish"), [("no", "stop"), ("", "stop"), ("{", "length")])
def test_a_repair_is_another_request_for_the_journal(text: str, finish: str) -> None:
    asked, again = _repaired(text, finish)
    assert request_key("m", asked) != request_key("m", again)


# -- schemas --------------------------------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: Annotated[str, at_most(40)] = "untitled"
    colour: Colour = Colour.RED


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str
    default: int = 3
    maxLength: Annotated[str | None, at_most(7)] = None  # noqa: N815
    properties: dict[str, str] = Field(default_factory=dict)
    kind: Literal["title", "default"] = "title"
    inner: Annotated[list[Inner], items(1, 3)] = Field(default_factory=list)


def _walk(value: Any, names: bool = False) -> list[tuple[str, Any]]:
    """All keywords of a schema with their values; names of fields and models are none."""
    if isinstance(value, list):
        return [found for item in value for found in _walk(item)]
    if not isinstance(value, dict):
        return []
    own = [] if names else list(value.items())
    inner = [
        _walk(item, not names and key in ("properties", "$defs")) for key, item in value.items()
    ]
    return own + [found for each in inner for found in each]


@pytest.mark.parametrize("bounded", [True, False])
def test_the_schema_that_is_sent(bounded: bool) -> None:
    schema = wire_schema(Outer, bounded)
    fields = ["title", "default", "maxLength", "properties", "kind", "inner"]
    assert sorted(schema["properties"]) == sorted(schema["required"]) == sorted(fields)
    assert sorted(schema["$defs"]["Inner"]["required"]) == ["colour", "title"]
    assert schema["properties"]["kind"]["enum"] == ["title", "default"]
    assert schema["properties"]["inner"]["minItems"] == 1
    assert schema["additionalProperties"] is False
    keywords = {key for key, _ in _walk(schema)}
    assert not keywords & {"title", "default"}
    assert ("maxLength" in keywords) is bounded
    assert schema["$defs"]["Inner"]["properties"]["title"]["type"] == "string"


def test_what_is_no_object_requires_nothing() -> None:
    assert "required" not in wire_schema(Outer, True)["$defs"]["Colour"]


def test_every_reply_of_a_stage_is_sent_as_strict_schema() -> None:
    from webscale_dagster.recipe import Recipe
    from webscale_dagster.stages.library_requests import library_requests

    for annotate in ("separate", "merged"):
        recipe = Recipe(annotate=annotate)
        for stage in ("filtered_docs", "personas", "qa_pairs", "verified_qa"):
            for asked in library_requests(recipe, stage, "A text.", "Title"):
                schema = wire_schema(asked.reply, False)
                for part in (schema, *schema.get("$defs", {}).values()):
                    assert part["additionalProperties"] is False
                    assert sorted(part["required"]) == sorted(part["properties"])


def test_the_schemas_bytes_are_the_same_for_the_same_shape() -> None:
    def made(**fields: Any) -> type[BaseModel]:
        return create_model("Made", **fields)

    one, same = made(a=(int, ...), b=(str, "x")), made(a=(int, ...), b=(str, "x"))
    assert schema_bytes(one) == schema_bytes(same)
    assert schema_bytes(one) != schema_bytes(made(a=(int, ...), b=(str, "y")))
    assert list(orjson.loads(schema_bytes(one))) == sorted(orjson.loads(schema_bytes(one)))


def test_a_key_stays_what_it_was() -> None:
    """Changed, and every home pays for every reply again."""
    assert request_key("m@1", request("a")) == "50007445424cb6f10730ea20"
    assert schema_bytes(Answer) == (
        b'{"additionalProperties":false,"properties":{"value":{"title":"Value","type":"integer"}},'
        b'"required":["value"],"title":"Answer","type":"object"}'
    )


def test_fields_are_asked_for_in_their_order() -> None:
    """Guided decoding writes them as the schema lists them: the reason before the verdicts."""
    from webscale_dagster.stages.filtered_docs import FilterVerdict

    schema = wire_schema(FilterVerdict, True)
    assert next(iter(schema["properties"])) == schema["required"][0] == "reason"
    assert schema["required"] == list(FilterVerdict.model_fields)
