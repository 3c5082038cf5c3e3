"""``bespokelabs-curator`` as a client program of ``llm_client.py``.

Its OpenAI back end with a pydantic response format, its cache on as by default but in a fresh
folder, rate limits out of the way. Telemetry and look-ups on the net are off. Three things are
done in its favour: prompts are in an Arrow table before the clock starts; its trial request for
structured replies is skipped (this server knows one schema only); and ``tiktoken``, whose files
come from the net, is replaced by a count of bytes. ``--tokens`` counts with the true vocabulary,
of which ``litellm`` carries a copy. Writes a temporary folder, which it removes; prints one JSON
line.

    python benchmarks/llm_client_curator.py --url URL --requests 1500 --concurrency 256
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from llm_client_server import MODEL, REPLY, Answer, run_client

FOLDER = tempfile.TemporaryDirectory(prefix="curator-")
os.environ |= {
    "HOME": FOLDER.name,  # it and datasets write below ~/.cache
    "CURATOR_CACHE_DIR": FOLDER.name,
    "HF_HOME": FOLDER.name,
    "HF_HUB_OFFLINE": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "TELEMETRY_ENABLED": "false",
    "OPENAI_API_KEY": "none",
}

import tiktoken  # noqa: E402  # these read the environment as they are imported
from bespokelabs import curator  # noqa: E402
from bespokelabs.curator.request_processor.online import (  # noqa: E402
    openai_online_request_processor as openai_backend,
)
from datasets import Dataset  # noqa: E402
from pydantic import BaseModel  # noqa: E402

UNLIMITED = 10**10  # per minute


class Verdict(BaseModel):
    """The reply."""

    reason: str
    correct: bool
    self_contained: bool
    leaks: bool
    unique: bool


class Judge(curator.LLM):  # type: ignore[misc]
    """One prompt, one verdict."""

    response_format = Verdict

    def prompt(self, input: dict[str, Any]) -> str:  # noqa: A002
        """The row's prompt."""
        return str(input["prompt"])

    def parse(self, input: dict[str, Any], response: Verdict) -> dict[str, Any]:  # noqa: A002
        """The verdict as a row."""
        return response.model_dump()


def prepare(true_tokens: bool) -> None:
    """Keep curator off the net."""
    processor = openai_backend.OpenAIOnlineRequestProcessor
    processor._check_structured_output_support_via_api = lambda self: True
    if true_tokens:
        spec = importlib.util.find_spec("litellm.litellm_core_utils.tokenizers")
        assert spec is not None and spec.origin is not None
        os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(spec.origin).parent)
        return
    counter = SimpleNamespace(encode=lambda text, **_: range(len(text) // 4))
    tiktoken.get_encoding = lambda name: counter


def open_client(url: str, concurrency: int, arguments: list[str]) -> Answer:
    """A judge; it opens new connections for every table."""
    prepare("--tokens" in arguments)
    limits = {
        "base_url": url,
        "max_concurrent_requests": concurrency,
        "max_requests_per_minute": UNLIMITED,
        "max_tokens_per_minute": UNLIMITED,
        "require_all_responses": False,
    }
    judge = Judge(model_name=MODEL, backend="openai", backend_params=limits)

    def answer(prompts: Sequence[str]) -> tuple[int, int]:
        rows = judge(Dataset.from_list([{"prompt": prompt} for prompt in prompts])).dataset
        return len(rows), sum(row == REPLY for row in rows)

    return answer


if __name__ == "__main__":
    with FOLDER:
        run_client(open_client)
