"""A stage's requests about a document as they may become: with the library's personas and pairs.

Makes requests for estimates, where no model has answered yet; reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from webscale_dagster.recipe import Recipe
from webscale_dagster.stages import difficulty, filtered_docs, personas, qa_pairs, verified_qa
from webscale_dagster.stages.domains import domains
from webscale_dagster.stages.protocol import Request


def library_requests(recipe: Recipe, stage: str, text: str, title: str | None) -> Iterator[Request]:
    """What ``stage`` would ask about this document, with as many personas as the recipe allows."""
    document = {"doc_id": "", "text": text, "title": title}
    if stage == "filtered_docs":
        yield filtered_docs.requester(recipe)(document)
    elif stage == "personas":
        yield personas.requester(recipe)(document)
    elif stage == "qa_pairs":
        shown = tuple(range(recipe.qa_pairs.exemplars))
        for group in _grouped(recipe, _slots(recipe, document)):
            yield qa_pairs.requester(recipe)(qa_pairs.Call(group, shown))
    elif stage == "difficulty":
        for slot in _slots(recipe, document):
            yield from (sample.request for sample in difficulty.samples_of(slot, recipe))
    else:
        for group in _grouped(recipe, _slots(recipe, document)):
            yield verified_qa.requester(recipe)(group)


def _slots(recipe: Recipe, document: dict[str, Any]) -> list[dict[str, Any]]:
    """Personas of one domain and its exemplars as pairs; any domain's are about as long."""
    domain = domains(recipe)[0]
    chosen = enumerate(domain.personas[: recipe.personas.max_personas])
    return [
        {
            **document,
            **domain.exemplars[index % len(domain.exemplars)],
            "qa_id": str(index),
            "domain": domain.slug,
            "persona_index": index,
            "persona": persona,
        }
        for index, persona in chosen
    ]


def _grouped(recipe: Recipe, slots: list[dict[str, Any]]) -> list[tuple[dict[str, Any], ...]]:
    return [tuple(slots)] if recipe.annotate == "merged" else [(slot,) for slot in slots]
