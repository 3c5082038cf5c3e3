"""Which models answer, where they are served, what they cost: the recipe's tables about models.

Makes ``ModelChoice``, ``Price`` and ``Budget`` values; reads and writes nothing. Of a model only
its identity (name, revision, extra fields of the request) decides bytes: moving it to another
endpoint, or from a server to batches, makes nothing stale and replays every reply.
"""

from __future__ import annotations

import json
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

BACKENDS = ("extractive", "server", "vllm", "batch")


class Part(BaseModel):
    """A table of the recipe: unknown fields are errors, values do not change."""

    # An error shows no values: one may be an address with a password.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Price(Part):
    """Money per million tokens, in whatever currency ``[budget]`` counts."""

    tokens_in: float = Field(0.0, ge=0.0)
    tokens_out: float = Field(0.0, ge=0.0)
    cached_tokens: float | None = Field(None, ge=0.0)  # None: as tokens_in

    def cost(self, tokens_in: int, tokens_out: int, cached_tokens: int = 0) -> float:
        """What a call cost; ``cached_tokens`` are a part of ``tokens_in``."""
        cached = self.tokens_in if self.cached_tokens is None else self.cached_tokens
        fresh = tokens_in - cached_tokens
        return (
            fresh * self.tokens_in + cached_tokens * cached + tokens_out * self.tokens_out
        ) / 1e6


class ModelChoice(Part):
    """Which model answers, and how it is reached. ``extractive`` needs no model.

    ``server``  any OpenAI-compatible endpoint, or several of the same model
    ``vllm``    ``vllm serve``, started and kept by us on this host
    ``batch``   request files: for ``vllm run-batch``, or for the batch API of ``endpoints``
    """

    backend: Literal["extractive", "server", "vllm", "batch"] = "extractive"
    name: str = "extractive"  # as the endpoint calls it; for vllm a repository or a folder
    revision: str = "1"  # of the weights, or of the rules: other revision, other replies
    extra: dict[str, Any] = {}  # more fields of every request, as chat_template_kwargs
    omit: tuple[str, ...] = ()  # fields that a server refuses, as seed or temperature
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    endpoints: tuple[str, ...] = ()  # addresses that end in /v1
    api_key_env: str = Field("WEBSCALE_API_KEY", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    flags: tuple[str, ...] = ()  # of vllm serve and vllm run-batch
    idle_seconds: float = Field(300.0, gt=0)  # a kept server without a run stops after so long
    batch_requests: int = Field(50_000, ge=1)  # of one request file
    batch_bytes: int = Field(200_000_000, ge=1_000)
    by_hand: bool = False  # batches: write files, stop, take outputs that were put beside them
    bounded_strings: bool | None = None  # send maxLength? None: only where we chose the grammar
    tokenizer: str = ""  # tokenizer.json for estimates; empty: the endpoint's /tokenize
    price: Price = Price()

    @model_validator(mode="after")
    def _reachable(self) -> ModelChoice:
        if self.backend == "server" and not self.endpoints:
            raise ValueError('backend "server" needs endpoints = ["http://host:port/v1"]')
        if self.backend != "extractive" and self.name == "extractive":
            raise ValueError(f'backend "{self.backend}" needs the name of a model')
        for address in self.endpoints:
            _check_address(address)
        return self

    @property
    def on_this_gpu(self) -> bool:
        """Whether we start vLLM on this host."""
        batches = self.backend == "batch" and not self.endpoints and not self.by_hand
        return self.backend == "vllm" or batches

    @property
    def identity(self) -> str:
        """What decides its replies."""
        extra = json.dumps(self.extra, sort_keys=True) if self.extra else ""
        return f"{self.name}@{self.revision}{extra}"


def _check_address(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{address!r} is no http:// or https:// address")
    if parts.username or parts.password:  # would be stored with the recipe and shown in the UI
        raise ValueError(
            f"the address of {parts.hostname} carries a password; keys come from the environment"
        )


class Budget(Part):
    """What a home may spend in all; a run that reaches it stops and keeps what is finished."""

    max_tokens_total: int | None = Field(None, ge=1)
    max_cost: float | None = Field(None, gt=0)


def model_from(text: str) -> ModelChoice:
    """The model that ``URL#NAME`` names, or one of the other forms.

    ``vllm#NAME`` and ``batch#NAME`` have vLLM started here, ``batch+URL#NAME`` uses the batch API
    of an endpoint, ``extractive`` is no model. Raises ValueError for another form.
    """
    where, _, name = text.partition("#")
    if text == "extractive":
        return ModelChoice()
    if not name or not where:
        raise ValueError(
            f"--model {text!r}: wanted URL#NAME, as http://127.0.0.1:8000/v1#Qwen/Qwen3-8B; "
            "or vllm#NAME, batch#NAME, batch+URL#NAME, extractive"
        )
    if where == "vllm":
        return ModelChoice(backend="vllm", name=name)
    if where == "batch":
        return ModelChoice(backend="batch", name=name)
    address = where.removeprefix("batch+").rstrip("/")
    backend: Literal["batch", "server"] = "batch" if where.startswith("batch+") else "server"
    return ModelChoice(backend=backend, name=name, endpoints=(address,))
