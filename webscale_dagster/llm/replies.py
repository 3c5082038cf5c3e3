"""From a raw completion to a validated reply, and the one repair of a reply that cannot be used.

Makes ``Reply`` values and repair ``Request`` values; reads and writes nothing. A reply is read
strictly; what a strict parser refuses but is plainly there (a code fence, a sentence before the
object, raw line breaks inside strings) is read without asking again, since that costs nothing.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import replace
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from webscale_dagster.llm.journal import Completion
from webscale_dagster.stages.prompt import repair_message
from webscale_dagster.stages.protocol import Reply, Request

_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")
_REFUSED = ("content_filter", "refusal")
_SHOWN = 2000  # characters of a broken reply that are quoted back to the model


def read_reply(request: Request, done: Completion) -> Reply:
    """The reply's value, or the problem that keeps it from being used."""
    text = done.text
    if request.reply is None:
        return _freely(done)
    if done.finish_reason in _REFUSED:
        return Reply(text, problem="reply_refused", error=f"finish_reason {done.finish_reason}")
    try:  # the plain case, and nearly always the only step
        value = request.reply.model_validate_json(text)
        return Reply(text, value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    if done.finish_reason == "length":
        return Reply(text, problem="reply_cut_off", error=f"cut off at {request.max_tokens} tokens")
    if not text.strip():
        return Reply(text, problem="reply_empty", error="the reply has no text")
    if first["type"] == "json_invalid":
        return _leniently(request.reply, text, str(first["msg"]))
    return Reply(text, problem="reply_off_schema", error=_where(first))


def _freely(done: Completion) -> Reply:
    """A reply without a shape is all that was said, even if that ends early or refuses."""
    if done.text.strip() or done.finish_reason in (*_REFUSED, "length"):
        return Reply(done.text, done.text)
    return Reply(done.text, problem="reply_empty", error="the reply has no text")


def _where(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    return f"{place}: {error['msg']}" if place else str(error["msg"])


def _leniently(shape: type[BaseModel], text: str, error: str) -> Reply:
    """The JSON object inside the text, control characters in its strings read as spaces."""
    inner = _THOUGHT.sub("", text)
    start, end = inner.find("{"), inner.rfind("}")
    if start < 0 or end < start:
        return Reply(text, problem="reply_not_json", error=error)
    inner = inner[start : end + 1]
    problem = "reply_not_json"
    try:
        found = _printable(json.loads(inner, strict=False))
    except (ValueError, RecursionError):  # the latter: nested without an end
        problem = "reply_control_characters" if _controls(inner) else problem
        return Reply(text, problem=problem, error=error)
    try:
        return Reply(text, shape.model_validate(found))
    except ValidationError as failed:
        first = failed.errors(include_url=False, include_input=False)[0]
        return Reply(text, problem="reply_off_schema", error=_where(first))


def _controls(text: str) -> bool:
    return any(found.group() not in "\n\r\t" for found in _CONTROL.finditer(text))


def _printable(value: Any) -> Any:
    """Without raw control characters and lone surrogates, which Parquet cannot hold."""
    if isinstance(value, str):
        return _CONTROL.sub(" ", value).encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_printable(item) for item in value]
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    return value


def repair(request: Request, reply: Reply) -> Request:
    """What to ask instead: with more room after a reply that was cut off, else with the reason."""
    if reply.problem == "reply_cut_off":
        return replace(request, max_tokens=2 * request.max_tokens)
    told = {"role": "user", "content": repair_message(str(reply.problem), reply.error)}
    # An empty turn of the assistant's is refused by some servers.
    said = {"role": "assistant", "content": reply.text[:_SHOWN].strip() or "(no text)"}
    return replace(request, messages=(*request.messages, said, told))


@functools.cache
def schema_bytes(reply: type[BaseModel] | None) -> bytes:
    """The reply's schema as the journal's key hashes it; the order of its fields counts."""
    return b"" if reply is None else orjson.dumps(reply.model_json_schema())


@functools.cache
def wire_schema(reply: type[BaseModel], bounded: bool) -> dict[str, Any]:
    """The schema as it is sent: every field required, and bounds of strings only where asked for.

    xgrammar, vLLM's default, lets raw control characters into strings with a ``maxLength``
    (https://github.com/mlc-ai/xgrammar/issues/800), so bounds go only to servers whose grammar
    backend we chose.
    """
    schema = reply.model_json_schema()  # fields in their order: a reason comes before its verdict
    for part in (schema, *schema.get("$defs", {}).values()):
        if "properties" in part:  # an enumeration has none
            part["required"] = list(part["properties"])
    found: dict[str, Any] = _stripped(
        schema, {"title", "default", *(() if bounded else ("maxLength",))}
    )
    return found


def _stripped(value: Any, keys: set[str]) -> Any:
    if isinstance(value, list):
        return [_stripped(item, keys) for item in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, item in value.items():
        if key == "properties":  # its keys are names of fields, and one may be called "title"
            found[key] = {name: _stripped(field, keys) for name, field in item.items()}
        elif key not in keys:
            found[key] = _stripped(item, keys)
    return found
