"""The chat-completions format: what is sent, and what is made of what comes."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from tests.llm.fakes import CHOICE, Answer, request
from webscale_dagster.llm.journal import Completion
from webscale_dagster.llm.replies import wire_schema
from webscale_dagster.llm.wire import NotACompletion, body, is_bounded, parse
from webscale_dagster.models import ModelChoice
from webscale_dagster.stages.reply import Reason

URL = ("http://127.0.0.1:1/v1",)


class Bounded(BaseModel):
    reason: Reason


def _sent(choice: ModelChoice = CHOICE, **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(orjson.dumps(body(choice, request("hello", **fields))))
    return found


def test_all_fields_of_a_request() -> None:
    assert _sent(temperature=0.7, max_tokens=99, seed=17) == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "hello"}],
        "temperature": 0.7,
        "max_tokens": 99,
        "seed": 17,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "Answer", "strict": True, "schema": wire_schema(Answer, False)},
        },
    }


def test_a_free_reply_has_no_format() -> None:
    free = _sent(temperature=1.0, max_tokens=99, seed=17, reply=None)
    shaped = _sent(temperature=1.0, max_tokens=99, seed=17)
    assert free == {k: v for k, v in shaped.items() if k != "response_format"}


def test_a_seed_goes_only_where_something_is_drawn() -> None:
    assert "seed" not in _sent(temperature=0.0, seed=17)
    assert _sent(temperature=0.1, seed=0)["seed"] == 0


def test_a_recipe_adds_replaces_and_omits_fields() -> None:
    extra = {"chat_template_kwargs": {"enable_thinking": False}, "temperature": 1.0}
    choice = CHOICE.model_copy(update={"extra": extra, "omit": ("seed", "no_such_field")})
    found = _sent(choice, temperature=0.7)
    assert found["chat_template_kwargs"] == {"enable_thinking": False}
    assert found["temperature"] == 1.0
    assert "seed" not in found


def test_the_field_of_max_tokens_has_another_name_at_some() -> None:
    choice = CHOICE.model_copy(update={"max_tokens_field": "max_completion_tokens"})
    found = _sent(choice, max_tokens=5)
    assert found["max_completion_tokens"] == 5
    assert "max_tokens" not in found


@pytest.mark.parametrize(
    ("choice", "bounded"),
    [
        (ModelChoice(backend="server", name="m", endpoints=URL), False),
        (ModelChoice(backend="server", name="m", endpoints=URL, bounded_strings=True), True),
        (ModelChoice(backend="vllm", name="m"), True),
        (ModelChoice(backend="vllm", name="m", bounded_strings=False), False),
        (ModelChoice(backend="batch", name="m"), True),
        (ModelChoice(backend="batch", name="m", endpoints=URL), False),
    ],
)
def test_bounds_of_strings_go_where_we_chose_the_grammar(
    choice: ModelChoice, bounded: bool
) -> None:
    assert is_bounded(choice) is bounded
    sent = _sent(choice, reply=Bounded)["response_format"]["json_schema"]["schema"]
    assert sent["properties"]["reason"].get("maxLength") == (400 if bounded else None)


# -- what comes -----------------------------------------------------------------------------------


def _envelope(message: Any, **more: Any) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": more.pop("finish_reason", "stop")}
    usage = {"prompt_tokens": 11, "completion_tokens": 5}
    return orjson.dumps({"choices": [choice], "usage": usage} | more)


def _parsed(data: bytes) -> Completion:
    return parse(data, "tiny", 12.5, 3)


def test_a_completion_as_it_should_be() -> None:
    usage = {
        "prompt_tokens": 11,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 8},
    }
    found = _parsed(_envelope({"role": "assistant", "content": "{}"}, usage=usage))
    assert found == Completion("{}", 11, 5, 8, 12.5, "stop", 3, "tiny")


@pytest.mark.parametrize(
    ("message", "text", "finish"),
    [
        ({"content": None}, "", "stop"),
        ({}, "", "stop"),
        ({"content": ""}, "", "stop"),
        ({"content": [{"text": '{"a"'}, {"type": "text", "text": ":1}"}]}, '{"a":1}', "stop"),
        ({"content": [{"type": "image"}, "stray", {"text": None}, {"text": "x"}]}, "x", "stop"),
        ({"content": None, "refusal": "I cannot."}, "I cannot.", "refusal"),
        ({"content": "said", "refusal": None}, "said", "stop"),
        ({"content": "said", "refusal": "but"}, "said", "stop"),
        ({"content": None, "reasoning_content": "hm"}, "", "stop"),
    ],
)
def test_odd_messages(message: dict[str, Any], text: str, finish: str) -> None:
    found = _parsed(_envelope(message))
    assert (found.text, found.finish_reason) == (text, finish)


@pytest.mark.parametrize("finish", ["length", "content_filter", "tool_calls", "eos"])
def test_the_finish_reason_is_kept(finish: str) -> None:
    assert _parsed(_envelope({"content": "x"}, finish_reason=finish)).finish_reason == finish


def test_no_finish_reason_is_stop() -> None:
    assert _parsed(_envelope({"content": "x"}, finish_reason=None)).finish_reason == "stop"


@pytest.mark.parametrize("finish", ["abort", "error"])
def test_what_a_server_that_stops_cuts_off_is_no_completion(finish: str) -> None:
    with pytest.raises(NotACompletion, match=finish):
        _parsed(_envelope({"content": '{"value": 1}'}, finish_reason=finish))


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (None, (0, 0, 0)),
        ({}, (0, 0, 0)),
        ({"prompt_tokens": None, "completion_tokens": 4}, (0, 4, 0)),
        ({"prompt_tokens": 7.0, "completion_tokens": 4}, (7, 4, 0)),
        ({"prompt_tokens": 7, "prompt_tokens_details": None}, (7, 0, 0)),
        ({"prompt_tokens": 7, "prompt_tokens_details": {"cached_tokens": None}}, (7, 0, 0)),
        ({"prompt_tokens": "many", "completion_tokens": []}, (0, 0, 0)),
        ({"prompt_tokens": -1, "completion_tokens": 1e300}, (0, 0, 0)),
    ],
)
def test_odd_counts_of_tokens(usage: Any, tokens: tuple[int, int, int]) -> None:
    found = _parsed(_envelope({"content": "x"}, usage=usage))
    assert (found.tokens_in, found.tokens_out, found.cached_tokens) == tokens
    assert found.text == "x"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"\xff",
        b"null",
        b"5",
        b"[]",
        b"{}",
        b'{"choices": null}',
        b'{"choices": []}',
        b'{"choices": {}}',
        b'{"choices": "text"}',
        b'{"choices": [null]}',
        b'{"choices": [{}]}',
        b'{"choices": [{"text": "old completions"}]}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": [{"message": "text"}]}',
        b'{"choices": [{"message": {"content": "x"}}], "usage": [1]}',
        b'{"error": {"message": "overloaded"}}',
        b'{"choices": [{"message": {"content": "cut o',
    ],
)
def test_what_is_no_completion(data: bytes) -> None:
    with pytest.raises(NotACompletion):
        _parsed(data)


def test_the_beginning_of_what_is_no_json_is_shown() -> None:
    with pytest.raises(NotACompletion, match="<html><title>Login") as caught:
        _parsed(b"<html><title>Login" + b"x" * 5000)
    assert len(str(caught.value)) < 300


_NAMES = ["choices", "message", "content", "refusal", "finish_reason", "usage", "text"]
_NAMES += ["prompt_tokens", "completion_tokens", "prompt_tokens_details", "cached_tokens"]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4)
    ),
    max_leaves=12,
)
_CHOICE = st.fixed_dictionaries(
    {"message": st.fixed_dictionaries({"content": _JSON, "refusal": _JSON}) | _JSON},
    optional={"finish_reason": _JSON},
)
_ENVELOPE = st.fixed_dictionaries(
    {"choices": st.lists(_CHOICE, max_size=2) | _JSON},
    optional={
        "usage": st.fixed_dictionaries(
            {"prompt_tokens": _JSON, "completion_tokens": _JSON, "prompt_tokens_details": _JSON}
        )
        | _JSON
    },
)


@given(_ENVELOPE | _JSON)
@settings(max_examples=200, deadline=None)
def test_whatever_json_comes_it_is_a_completion_or_none(found: Any) -> None:
    try:
        done = _parsed(json.dumps(found).encode())
    except NotACompletion:
        return
    assert isinstance(done.text, str) and isinstance(done.finish_reason, str)
    for count in (done.tokens_in, done.tokens_out, done.cached_tokens):
        assert type(count) is int and count >= 0
    orjson.dumps(vars(done))  # the journal can hold it


@given(st.binary(max_size=200))
def test_whatever_bytes_come(data: bytes) -> None:
    with pytest.raises(NotACompletion):
        _parsed(b"x" + data)
