"""The ``openai`` SDK as a client program of ``llm_client.py``.

``AsyncOpenAI`` as it comes (its own HTTP client, limits, time limit and two retries; it keeps 100
connections alive and opens 1,000 at most) behind a semaphore, with a JSON schema as response
format. Replies are checked by pydantic. ``--aiohttp`` takes the SDK's ``DefaultAioHttpClient``.
Reads and writes no files; prints one JSON line.

    python benchmarks/llm_client_openai.py --url URL --requests 1500 --concurrency 256
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from llm_client_server import MODEL, RESPONSE_FORMAT, Answer, run_client
from openai import AsyncOpenAI, DefaultAioHttpClient, OpenAIError
from pydantic import BaseModel, ValidationError


class Verdict(BaseModel):
    """The reply."""

    reason: str
    correct: bool
    self_contained: bool
    leaks: bool
    unique: bool


def is_valid(content: str | None) -> bool:
    """Whether a reply fits the schema."""
    try:
        Verdict.model_validate_json(content or "")
    except ValidationError:
        return False
    return True


async def ask(client: AsyncOpenAI, gate: asyncio.Semaphore, prompt: str) -> tuple[bool, bool]:
    """Whether the prompt was answered, and by a valid reply."""
    async with gate:
        try:
            completion = await client.chat.completions.create(
                model=MODEL,
                messages=[{"role": "user", "content": prompt}],
                response_format=RESPONSE_FORMAT,
            )
        except OpenAIError:
            return False, False
        return True, is_valid(completion.choices[0].message.content)


def open_client(url: str, concurrency: int, arguments: list[str]) -> Answer:
    """A client in an event loop that stays open, so that connections do."""
    runner = asyncio.Runner()

    async def connect() -> AsyncOpenAI:
        http = DefaultAioHttpClient() if "--aiohttp" in arguments else None
        return AsyncOpenAI(base_url=url, api_key="none", http_client=http)

    client = runner.run(connect())

    async def all_of(prompts: Sequence[str]) -> tuple[int, int]:
        gate = asyncio.Semaphore(concurrency)
        seen = await asyncio.gather(*(ask(client, gate, prompt) for prompt in prompts))
        return sum(answered for answered, _ in seen), sum(valid for _, valid in seen)

    return lambda prompts: runner.run(all_of(prompts))


if __name__ == "__main__":
    run_client(open_client)
