"""One domain and up to a few personas for every document.

Reads filtered_docs. Writes personas (a document and one persona) and rejects (a document whose
reply could not be used). With ``annotate = "merged"`` the rows carry what the filter's call said,
and nobody is asked again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import create_model

from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.asking import ask_each
from webscale_dagster.stages.domains import domain_files, domains
from webscale_dagster.stages.prompt import messages, prompt_files, prompt_version
from webscale_dagster.stages.protocol import (
    Context,
    Frames,
    Request,
    Result,
    Stage,
    rejects_frame,
)
from webscale_dagster.stages.reply import ReplyModel, at_most, items
from webscale_dagster.tables import TABLES

NAME = "personas"
_FILES = prompt_files("personas", "personas_task")
Found = tuple[
    str, str | None, list[str], tuple[str, str] | None
]  # doc_id, domain, personas, reject


def persona_fields(slugs: tuple[str, ...], max_personas: int, least: int) -> tuple[Any, Any]:
    """The types of ``domain`` and ``personas`` in a reply."""
    return Literal[slugs], Annotated[list[Annotated[str, at_most(300)]], items(least, max_personas)]


@functools.cache
def _reply(slugs: tuple[str, ...], max_personas: int) -> type[ReplyModel]:
    """What the document is about and who would ask."""
    domain, personas = persona_fields(slugs, max_personas, 1)
    return create_model(
        "DomainAndPersonas", __base__=ReplyModel, domain=(domain, ...), personas=(personas, ...)
    )


def usable_personas(personas: list[str], recipe: Recipe) -> list[str]:
    """Different, non-empty ones, at most as many as the recipe allows."""
    different = dict.fromkeys(" ".join(persona.split()) for persona in personas)
    return [persona for persona in different if persona][: recipe.personas.max_personas]


def run(frames: Frames, context: Context) -> Result:
    """Ask for each document once; keep at most ``max_personas`` different personas."""
    documents = frames["filtered_docs"]
    merged = context.recipe.annotate == "merged"
    found = _annotated(documents) if merged else _asked(documents, context)
    kept: list[dict[str, object]] = []
    rejects: list[tuple[str, str, str, str]] = []
    for doc_id, domain, personas, problem in found:
        if problem is None and not personas:
            problem = ("no_persona", f"domain {domain}")
        if problem is None and domain is None:
            problem = ("no_domain", "; ".join(personas))
        if problem is not None:
            rejects.append((doc_id, doc_id, *problem))
            continue
        kept += [
            {
                "doc_id": doc_id,
                "shard": context.shard,
                "domain": domain,
                "persona_index": index,
                "persona": persona,
            }
            for index, persona in enumerate(personas)
        ]
    return Result(
        pl.DataFrame(kept, schema=TABLES[NAME].schema),
        rejects_frame(NAME, context.shard, rejects),
    )


def _annotated(documents: pl.DataFrame) -> Iterator[Found]:
    """What the filter's merged call said of each document."""
    for doc_id, domain, personas in documents.select("doc_id", "domain", "personas").iter_rows():
        yield doc_id, domain, personas or [], None


def _asked(documents: pl.DataFrame, context: Context) -> Iterator[Found]:
    rows = documents.iter_rows(named=True)
    for row, reply in ask_each(rows, documents.height, requester(context.recipe), context):
        if reply.problem is not None:
            yield row["doc_id"], None, [], reply.reject
        else:
            personas = usable_personas(reply.value.personas, context.recipe)
            yield row["doc_id"], reply.value.domain, personas, None


def requester(recipe: Recipe) -> Callable[[dict[str, Any]], Request]:
    """Makes the request about a document (a row with doc_id, text, title)."""
    known, settings = domains(recipe), recipe.personas
    reply = _reply(tuple(domain.slug for domain in known), settings.max_personas)
    version = prompt_version(_FILES, reply, *(domain.scope for domain in known))
    shared = {"domains": known, "max_personas": settings.max_personas}

    def request(row: dict[str, Any]) -> Request:
        variables = {"text": row["text"], "title": row["title"], **shared}
        return Request(
            stage=NAME,
            row_id=row["doc_id"],
            variables=variables,
            messages=messages(NAME, variables),
            reply=reply,
            prompt_version=version,
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            seed=recipe.seed,
        )

    return request


STAGE = Stage(
    name=NAME,
    reads=("filtered_docs",),
    run=run,
    version=2,
    settings=("personas", "domains", "seed", "annotate"),
    parent="filtered_docs",
    asks_model=True,
    files=(*_FILES, *domain_files()),
    beside=("llm_calls",),
)
