"""Counts tokens as the model would, before anything is paid for.

Reads a ``tokenizer.json``, or asks an endpoint's ``/tokenize`` (vLLM has one; it computes nothing).
Where neither is to be had, characters are divided by four, and the estimate says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson

from webscale_dagster.llm.endpoint import headers
from webscale_dagster.models import ModelChoice
from webscale_dagster.stages.prompt import Messages

_PER_MESSAGE = 5  # tokens of a chat template around a message
_AT_ONCE = 16
_CHARS_PER_TOKEN = 4.0


@dataclass(frozen=True)
class Counted:
    """Tokens of each conversation, and who counted them."""

    tokens: list[int]
    by: str
    exact: bool


def count_tokens(choice: ModelChoice, conversations: Sequence[Messages]) -> Counted:
    """Tokens of every conversation, by the best means at hand."""
    file = _tokenizer_file(choice)
    if file is not None:
        return _by_file(file, conversations)
    if choice.endpoints and not choice.tokenizer:
        found = asyncio.run(_by_endpoint(choice, conversations))
        if found is not None:
            return Counted(found, f"{choice.endpoints[0]} /tokenize", exact=True)
    guessed = [int(_length(each) / _CHARS_PER_TOKEN) for each in conversations]
    return Counted(guessed, "characters / 4: set model.tokenizer to a tokenizer.json", exact=False)


def _tokenizer_file(choice: ModelChoice) -> Path | None:
    for place in (choice.tokenizer, choice.name):
        path = Path(place) if place else None
        if path is not None and path.is_dir():
            path /= "tokenizer.json"
        if path is not None and path.is_file():
            return path
    if choice.tokenizer:
        raise FileNotFoundError(f"{choice.tokenizer}: no such tokenizer.json (model.tokenizer)")
    return None


def _by_file(path: Path, conversations: Sequence[Messages]) -> Counted:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise ValueError(
            f"{path} needs the package tokenizers: pip install 'webscale-dagster[tokenizers]'"
        ) from None
    tokenizer = Tokenizer.from_file(str(path))
    tokens = []
    for each in conversations:
        parts = tokenizer.encode_batch([message["content"] for message in each])
        tokens.append(sum(len(part.ids) + _PER_MESSAGE for part in parts))
    return Counted(tokens, str(path), exact=True)


async def _by_endpoint(choice: ModelChoice, conversations: Sequence[Messages]) -> list[int] | None:
    """None where the endpoint cannot count."""
    address = choice.endpoints[0].rstrip("/").removesuffix("/v1") + "/tokenize"
    gate = asyncio.Semaphore(_AT_ONCE)

    async def count(http: aiohttp.ClientSession, messages: Messages) -> int | None:
        body = orjson.dumps({"model": choice.name, "messages": messages})
        async with gate, http.post(address, data=body, headers=headers(choice)) as reply:
            found = orjson.loads(await reply.read()) if reply.status == 200 else {}
        number = found.get("count") if isinstance(found, dict) else None
        return number if isinstance(number, int) else None

    try:
        async with aiohttp.ClientSession() as http:
            if conversations and await count(http, conversations[0]) is None:
                return None
            found = await asyncio.gather(*(count(http, each) for each in conversations))
    except (aiohttp.ClientError, OSError, orjson.JSONDecodeError):
        return None
    counted = [number for number in found if number is not None]
    return counted if len(counted) == len(found) else None


def _length(messages: Messages) -> int:
    return sum(len(message["content"]) for message in messages)
