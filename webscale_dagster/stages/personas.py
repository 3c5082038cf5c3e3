"""One domain and up to a few personas for every document.

Reads filtered_docs. Writes personas (a document and one persona) and rejects (a document whose
reply could not be used).
"""

from __future__ import annotations

from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict

from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.asking import ask_in_chunks
from webscale_dagster.stages.prompt import domain_files, domains, messages, prompt_version
from webscale_dagster.stages.protocol import (
    Context,
    Frames,
    Request,
    Result,
    Stage,
    rejects_frame,
)
from webscale_dagster.tables import TABLES

NAME = "personas"


class DomainAndPersonas(BaseModel):
    """The model's reply: what the document is about and who would ask."""

    model_config = ConfigDict(extra="forbid")
    domain: str
    personas: list[str]


def run(frames: Frames, context: Context) -> Result:
    """Ask for each document once; keep at most ``max_personas`` different personas."""
    documents = frames["filtered_docs"]
    known = domains(context.recipe)
    slugs = {domain.slug for domain in known}
    limit = context.recipe.personas.max_personas
    request = _requester(context.recipe, {"domains": known, "max_personas": limit})
    kept: list[dict[str, object]] = []
    rejects: list[tuple[str, str, str, str]] = []
    for row, reply in ask_in_chunks(documents, request, context):
        doc_id = row["doc_id"]
        if reply.error is not None:
            rejects.append((doc_id, doc_id, "bad_reply", f"{reply.error}: {reply.text}"))
            continue
        personas = list(dict.fromkeys(p.strip() for p in reply.value.personas if p.strip()))
        if reply.value.domain not in slugs:
            rejects.append((doc_id, doc_id, "unknown_domain", reply.value.domain))
        elif not personas:
            rejects.append((doc_id, doc_id, "no_persona", reply.text))
        else:
            kept += [
                {
                    "doc_id": doc_id,
                    "shard": context.shard,
                    "domain": reply.value.domain,
                    "persona_index": index,
                    "persona": persona,
                }
                for index, persona in enumerate(personas[:limit])
            ]
    return Result(
        pl.DataFrame(kept, schema=TABLES[NAME].schema),
        rejects_frame(NAME, context.shard, rejects),
    )


def _requester(recipe: Recipe, shared: dict[str, Any]) -> Any:
    version = prompt_version(NAME, DomainAndPersonas, *(d.scope for d in shared["domains"]))

    def request(row: dict[str, Any]) -> Request:
        variables = {"text": row["text"], "title": row["title"], **shared}
        return Request(
            stage=NAME,
            row_id=row["doc_id"],
            variables=variables,
            messages=messages(NAME, variables),
            reply=DomainAndPersonas,
            prompt_version=version,
            seed=recipe.seed,
        )

    return request


STAGE = Stage(
    name=NAME,
    reads=("filtered_docs",),
    run=run,
    version=1,
    settings=("personas", "domains", "seed", "model"),
    parent="filtered_docs",
    asks_model=True,
    files=("prompts/personas.md", *domain_files()),
    beside=("llm_calls",),
)
