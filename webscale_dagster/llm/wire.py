"""The OpenAI chat-completions format: a request as bytes, and a completion from a reply's bytes.

Makes bytes and ``Completion`` values; reads and writes nothing. Format:
https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import functools
from typing import Any

import orjson
from pydantic import BaseModel

from webscale_dagster.llm.journal import Completion
from webscale_dagster.llm.replies import wire_schema
from webscale_dagster.models import ModelChoice
from webscale_dagster.stages.protocol import Request

_ABSURD = 10**12  # tokens


class NotACompletion(ValueError):
    """A reply with status 200 that is no usable completion."""


@functools.cache
def _response_format(reply: type[BaseModel], bounded: bool) -> orjson.Fragment:
    schema = {"name": reply.__name__, "strict": True, "schema": wire_schema(reply, bounded)}
    return orjson.Fragment(orjson.dumps({"type": "json_schema", "json_schema": schema}))


def is_bounded(choice: ModelChoice) -> bool:
    """Whether bounds of strings are sent: yes where we start vLLM ourselves, with guidance."""
    if choice.bounded_strings is not None:
        return choice.bounded_strings
    return choice.backend == "vllm" or (choice.backend == "batch" and not choice.endpoints)


def body(choice: ModelChoice, request: Request) -> dict[str, Any]:
    """The fields of a request. A seed says nothing where nothing is drawn."""
    fields: dict[str, Any] = {
        "model": choice.name,
        "messages": request.messages,
        "temperature": request.temperature,
        choice.max_tokens_field: request.max_tokens,
    }
    if request.reply is not None:
        fields["response_format"] = _response_format(request.reply, is_bounded(choice))
    if request.temperature > 0:
        fields["seed"] = request.seed
    if choice.extra or choice.omit:
        fields |= choice.extra
        for name in choice.omit:
            fields.pop(name, None)
    return fields


def trifle(choice: ModelChoice) -> dict[str, Any]:
    """A request that every model answers and that costs next to nothing."""
    message = {"role": "user", "content": "Reply with the word yes."}
    fields = {"model": choice.name, "messages": [message], choice.max_tokens_field: 16}
    return fields | choice.extra


def completion(found: Any, model: str, latency_ms: float, attempts: int) -> Completion:
    """The first choice of a completion, as the journal keeps it."""
    try:
        choice = found["choices"][0]
        message = choice["message"]
        finish = choice.get("finish_reason") or "stop"
        text, refusal = message.get("content"), message.get("refusal")
        usage = found.get("usage") or {}
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
        counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise NotACompletion(f"no completion in it: {type(error).__name__} {error}") from None
    if finish in ("abort", "error"):  # vLLM ends what is in flight so when it is stopped
        raise NotACompletion(f"finish_reason {finish}")
    if isinstance(text, list):  # parts, as some servers send them
        text = "".join(str(part.get("text") or "") for part in text if isinstance(part, dict))
    if refusal and not text:
        text, finish = str(refusal), "refusal"
    return Completion(
        text=str(text or ""),
        tokens_in=_count(counts[0]),
        tokens_out=_count(counts[1]),
        cached_tokens=_count(cached),
        latency_ms=latency_ms,
        finish_reason=str(finish),
        attempts=attempts,
        model=model,
    )


def _count(found: Any) -> int:
    """A number of tokens; 0 where the server says none, or nonsense."""
    return int(found) if isinstance(found, int | float) and 0 <= found < _ABSURD else 0


def parse(data: bytes, model: str, latency_ms: float, attempts: int) -> Completion:
    """A completion from the bytes of a reply with status 200."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        start = data[:80].decode("utf-8", "replace")
        raise NotACompletion(f"not JSON ({error}): {start!r}") from None
    return completion(found, model, latency_ms, attempts)
