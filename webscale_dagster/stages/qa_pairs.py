"""One question per persona, with a short typed answer and the quote that proves it.

Reads personas and filtered_docs. Writes qa_pairs (a pair) and rejects (a persona that has none).
A call asks for one persona's question, or with ``annotate = "merged"`` for all of a document's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Any

import orjson
import polars as pl
from pydantic import AfterValidator, Field, create_model

from webscale_dagster.recipe import Recipe, content_hash
from webscale_dagster.stages.asking import ask_each
from webscale_dagster.stages.domains import domain_files, domains
from webscale_dagster.stages.prompt import messages, prompt_files, prompt_version
from webscale_dagster.stages.protocol import (
    Context,
    Frames,
    Reply,
    Request,
    Result,
    Stage,
    rejects_frame,
)
from webscale_dagster.stages.reply import ReplyModel, at_most, items, up_to
from webscale_dagster.tables import TABLES
from webscale_dagster.text.normalise import normalise
from webscale_dagster.verifiers import MEANINGS

NAME = "qa_pairs"
_FILES = prompt_files("qa_pairs")
Row = dict[str, Any]  # a persona with its document's text and title


def _known(answer_type: str) -> str:
    if answer_type not in MEANINGS:
        raise ValueError(f"not one of {', '.join(MEANINGS)}")
    return answer_type


_Enum = Field(json_schema_extra={"enum": [*sorted(MEANINGS)]})


class GeneratedPair(ReplyModel):
    """A pair, or why there is none for this reader."""

    persona: Annotated[int, up_to(7)] = 0
    declined: Annotated[str, at_most(300)] | None = None
    quote: Annotated[str, at_most(800)] = ""
    question: Annotated[str, at_most(600)] = ""
    answer: Annotated[str, at_most(300)] = ""
    answer_type: Annotated[str, _Enum, AfterValidator(_known)] = "short_phrase"
    unit: Annotated[str, at_most(40)] | None = None
    aliases: Annotated[list[Annotated[str, at_most(120)]], items(0, 4)] = Field(
        default_factory=list
    )


@functools.cache
def _reply(count: int) -> type[ReplyModel]:
    """The pairs of so many personas."""
    pairs = Annotated[list[GeneratedPair], items(count, count)]
    return create_model("GeneratedPairs", __base__=ReplyModel, pairs=(pairs, ...))


@dataclass(frozen=True)
class Call:
    """The personas of one document that a call writes for, and the exemplars it shows."""

    rows: tuple[Row, ...]
    exemplars: tuple[int, ...]


def run(frames: Frames, context: Context) -> Result:
    """Ask for every persona; a declined slot is a reject of its own."""
    writer = _Writer(context)
    kept: list[Row] = []
    rejects: list[tuple[str, str, str, str]] = []
    seen: set[str] = set()
    calls, total = calls_of(frames["personas"], frames["filtered_docs"], context.recipe)
    for call, reply in ask_each(calls, total, requester(context.recipe), context):
        for row, pair, problem in _slots(call, reply):
            slot = f"{row['doc_id']}/{row['persona_index']}"
            if problem is None:
                made = writer.pair(row, call, pair)
                if made["qa_id"] not in seen:
                    seen.add(made["qa_id"])
                    kept.append(made)
                    continue
                problem = ("repeated_pair", made["question"])
            rejects.append((slot, slot, *problem))
    return Result(
        pl.DataFrame(kept, schema=TABLES[NAME].schema),
        rejects_frame(NAME, context.shard, rejects),
    )


def calls_of(
    personas: pl.DataFrame, documents: pl.DataFrame, recipe: Recipe
) -> tuple[Iterator[Call], int]:
    """The calls that write for these personas, and how many there are."""
    texts = documents.select("doc_id", "text", "title")
    slots = personas.join(texts, on="doc_id", how="left", maintain_order="left")
    known = {domain.slug: domain for domain in domains(recipe)}
    merged = recipe.annotate == "merged"

    def calls() -> Iterator[Call]:
        for doc_id, rows in groupby(slots.iter_rows(named=True), lambda row: row["doc_id"]):
            group = tuple(rows)
            # One draw for a document: its calls share their beginning, which a server caches.
            shown = known[group[0]["domain"]].draw(
                recipe.qa_pairs.exemplars, f"{recipe.seed} {doc_id}"
            )
            for piece in (group,) if merged else zip(group, strict=True):
                yield Call(tuple(piece), tuple(shown))

    ids = slots["doc_id"].rle_id().n_unique() if slots.height else 0
    return calls(), ids if merged else slots.height


def requester(recipe: Recipe) -> Callable[[Call], Request]:
    """Makes the request of a call."""
    known = {domain.slug: domain for domain in domains(recipe)}
    settings = recipe.qa_pairs
    versions = {slug: _version(recipe, slug) for slug in known}

    def request(call: Call) -> Request:
        row = call.rows[0]
        domain = known[row["domain"]]
        variables = {
            "text": row["text"],
            "title": row["title"],
            "domain": domain,
            "personas": [(each["persona_index"], each["persona"]) for each in call.rows],
            "exemplars": [_shown(domain.exemplars[place]) for place in call.exemplars],
            "answer_types": sorted(MEANINGS.items()),
            "max_answer_words": settings.max_answer_words,
        }
        indexes = ",".join(str(each["persona_index"]) for each in call.rows)
        return Request(
            stage=NAME,
            row_id=f"{row['doc_id']}/{indexes}",
            variables=variables,
            messages=messages(NAME, variables),
            reply=_reply(len(call.rows)),
            prompt_version=versions[domain.slug],
            temperature=settings.temperature,
            max_tokens=settings.max_tokens * len(call.rows),
            seed=recipe.seed,
        )

    return request


def _shown(exemplar: Mapping[str, Any]) -> dict[str, Any]:
    options = exemplar.get("options") or {}
    return {**exemplar, "unit": options.get("unit"), "aliases": options.get("aliases") or []}


def _version(recipe: Recipe, slug: str) -> str:
    domain = next(domain for domain in domains(recipe) if domain.slug == slug)
    shown = str(domain.exemplars) if recipe.qa_pairs.exemplars else ""
    words = [domain.name, domain.ask, domain.avoid, shown, str(sorted(MEANINGS.items()))]
    return prompt_version(_FILES, GeneratedPair, *words)


def _slots(call: Call, reply: Reply) -> Iterator[tuple[Row, Any, tuple[str, str] | None]]:
    """Every persona of a call with its pair, or with the reason why it has none."""
    if reply.problem is not None:
        yield from ((row, None, reply.reject) for row in call.rows)
        return
    pairs = reply.value.pairs
    by_persona = {pair.persona: pair for pair in reversed(pairs)}
    if len(call.rows) == 1 and len(pairs) == 1:  # one reader, one pair: the number says nothing
        by_persona = {call.rows[0]["persona_index"]: pairs[0]}
    for row in call.rows:
        pair = by_persona.get(row["persona_index"])
        yield row, pair, _problem(pair, reply)


def _problem(pair: GeneratedPair | None, reply: Reply) -> tuple[str, str] | None:
    if pair is None:
        return "no_pair_in_reply", reply.text
    if pair.declined:
        return "declined", pair.declined
    if not (pair.question.strip() and pair.answer.strip() and pair.quote.strip()):
        return "incomplete_pair", reply.text
    return None


def _one_line(text: str) -> str:
    return " ".join(normalise(text).split())


class _Writer:
    """Makes rows of pairs."""

    def __init__(self, context: Context) -> None:
        recipe = context.recipe
        self._shard = context.shard
        self._model = context.model.name if context.model else ""
        self._versions = {d.slug: _version(recipe, d.slug) for d in domains(recipe)}

    def pair(self, row: Row, call: Call, written: GeneratedPair) -> Row:
        question, answer = _one_line(written.question), _one_line(written.answer)
        quote = written.quote.strip()
        start = row["text"].find(quote)
        options: dict[str, Any] = {"unit": written.unit} if written.unit else {}
        if aliases := [alias for alias in written.aliases if alias.strip()]:
            options["aliases"] = aliases
        return {
            "qa_id": content_hash(row["doc_id"], str(row["persona_index"]), question, answer),
            "doc_id": row["doc_id"],
            "shard": self._shard,
            "domain": row["domain"],
            "persona_index": row["persona_index"],
            "persona": row["persona"],
            "question": question,
            "answer": answer,
            "answer_type": written.answer_type,
            "verifier_options": orjson.dumps(options, option=orjson.OPT_SORT_KEYS).decode(),
            "evidence": quote,
            "evidence_start": start if start >= 0 else None,
            "evidence_end": start + len(quote) if start >= 0 else None,
            "model": self._model,
            "prompt_version": self._versions[row["domain"]],
            "exemplars": orjson.dumps(call.exemplars).decode(),
        }


STAGE = Stage(
    name=NAME,
    reads=("personas", "filtered_docs"),
    run=run,
    version=2,
    settings=("qa_pairs", "domains", "seed", "annotate"),
    parent="personas",
    asks_model=True,
    files=(*_FILES, *domain_files()),
    words=tuple(f"{name}: {meaning}" for name, meaning in MEANINGS.items()),
    beside=("llm_calls",),
)
