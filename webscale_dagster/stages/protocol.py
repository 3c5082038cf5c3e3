"""What a stage is, and what it may ask of a model.

A stage turns tables into kept rows and rejects. It sees frames, a recipe and a model behind the
``Model`` protocol; never a network, a clock or an unseeded random number. Backends live in
``llm/``. Reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    """One question to a model: what to say to it, and the shape its reply must have.

    With ``reply=None`` the model answers freely, as a policy does in training. Whatever it says is
    the reply, cut off or refusing too; it is neither repaired nor asked again.
    """

    stage: str
    row_id: str
    variables: Mapping[str, Any]  # what the prompt was rendered from; rule-based backends read it
    messages: tuple[Mapping[str, str], ...]  # chat messages: role, content
    reply: type[BaseModel] | None
    prompt_version: str
    temperature: float = 0.0
    max_tokens: int = 1024
    seed: int = 0


@dataclass(frozen=True)
class Reply:
    """A model's answer: ``value`` when it fits the schema; else ``problem``, a reject's reason."""

    text: str
    value: Any = None  # an instance of Request.reply; of a free reply its text
    problem: str | None = None
    error: str = ""  # what exactly did not fit, or what the server said

    @property
    def reject(self) -> tuple[str, str]:
        """Reason and detail of the row that got no usable reply; the raw text is kept."""
        return str(self.problem), f"{self.error}: {self.text}" if self.text else self.error


# Why a reply cannot be used, after one repair. The first six were paid for and stay in the journal.
UNUSABLE = {
    "reply_cut_off": "the reply was cut off at max_tokens, again with twice as many",
    "reply_not_json": "the reply is no JSON",
    "reply_control_characters": "the reply has raw control characters and is no JSON without them",
    "reply_off_schema": "the reply is JSON of another shape",
    "reply_empty": "the reply is empty",
    "reply_refused": "the model, or the provider's filter, refused",
    "bad_request": "the server refuses the request, as one that is too long",
    "no_answer": "the server failed at this request, again and again, while it answered others",
}


class Model(Protocol):
    """Answers requests, in their order. ``verifies`` is false for one that may not judge pairs."""

    name: str
    verifies: bool

    def ask(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """One reply per request, in order; requests are drawn as there is room for them.

        Calls are recorded and replayed by the model. Raises where nobody answers any more, the
        budget is spent or the lease is lost; what was answered until then is kept.
        """
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
    second: Model | None = None  # another checker, where the recipe names one


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
    merges: tuple[str, ...] = ()  # stages whose questions it asks too, with annotate = "merged"
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
