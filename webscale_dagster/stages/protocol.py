"""What a stage is, and what it may ask of a model.

A stage turns tables into kept rows and rejects. It sees frames, a recipe and a model behind the
``Model`` protocol; never a network, a clock or an unseeded random number. Backends live in
``llm/``. Reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl
from pydantic import BaseModel

from webscale_dagster.recipe import Recipe
from webscale_dagster.tables import TABLES

Frames = Mapping[str, pl.DataFrame]
Progress = Callable[[int, int], None]  # rows done, rows in all


@dataclass(frozen=True)
class Request:
    """One question to a model: what to say to it, and the shape its reply must have."""

    stage: str
    row_id: str
    variables: Mapping[str, Any]  # what the prompt was rendered from; rule-based backends read it
    messages: tuple[Mapping[str, str], ...]  # chat messages: role, content
    reply: type[BaseModel]
    prompt_version: str
    temperature: float = 0.0
    max_tokens: int = 1024
    seed: int = 0


@dataclass(frozen=True)
class Reply:
    """A model's answer: ``value`` when it fits the schema, else ``error`` with the raw ``text``."""

    text: str
    value: Any = None  # an instance of Request.reply
    error: str | None = None


class Model(Protocol):
    """Answers requests, in their order. ``verifies`` is false for one that may not judge pairs."""

    name: str
    verifies: bool

    def ask(self, requests: Sequence[Request]) -> list[Reply]:
        """One reply per request, in order; calls are recorded and replayed by the model."""
        ...


Texts = Callable[[Sequence[str]], Mapping[str, str]]  # document ids -> their texts


def _no_texts(ids: Sequence[str]) -> Mapping[str, str]:
    if ids:
        raise KeyError(f"no earlier documents are at hand, wanted {ids[0]}")
    return {}


def _no_progress(done: int, total: int) -> None:
    del done, total


@dataclass(frozen=True)
class Context:
    """What a stage may use besides its tables."""

    recipe: Recipe
    shard: str = ""
    model: Model | None = None
    progress: Progress = _no_progress
    texts: Texts = _no_texts  # of documents in shards admitted earlier


@dataclass(frozen=True)
class Result:
    """What a stage makes: kept rows, rejects, and further tables it writes beside them."""

    kept: pl.DataFrame
    rejects: pl.DataFrame
    beside: Mapping[str, pl.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """A step of the walk: asset, module, table and prompt share its name."""

    name: str
    reads: tuple[str, ...]
    run: Callable[[Frames, Context], Result]
    version: int  # bump when the logic changes what comes out
    settings: tuple[str, ...] = ()  # the recipe's tables and fields that decide its rows
    parent: str | None = None  # the table whose every row must be kept or rejected
    asks_model: bool = False
    files: tuple[str, ...] = ()  # package data that decides its bytes (prompts, domains)
    words: tuple[str, ...] = ()  # what else its prompt names, as the answer types
    beside: tuple[str, ...] = ()  # further tables it writes


def rejects_frame(
    stage: str, shard: str, rows: Sequence[tuple[str, str, str, str]]
) -> pl.DataFrame:
    """Rejects from ``(row_id, parent_id, reason, detail)`` rows."""
    schema = TABLES["rejects"].schema
    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
    return pl.DataFrame(
        {
            "stage": [stage] * len(rows),
            "shard": [shard] * len(rows),
            "row_id": columns[0],
            "parent_id": columns[1],
            "reason": columns[2],
            "detail": columns[3],
        },
        schema=schema,
    )
