"""The backend that needs no model: rules that write questions from single sentences.

Reads the variables of a request; makes raw JSON replies of the same shape as a model's; writes
nothing. It never judges pairs (``verifies`` is false): what it wrote stays marked as its own.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from webscale_dagster.llm.journal import Completion
from webscale_dagster.llm.questions import Pair, count_pairs, write_pairs
from webscale_dagster.llm.vocabulary import classify
from webscale_dagster.stages.protocol import Request

_PAIRS_KEPT = 8  # per document: as many as a recipe may have personas
_NO_FACT = "no sentence stands alone and states a fact that the rules can ask for"


@functools.lru_cache(maxsize=64)  # the personas of a document follow each other
def _pairs(text: str, title: str | None) -> tuple[Pair, ...]:
    return tuple(write_pairs(text, title, _PAIRS_KEPT))


def _filtered_docs(variables: Mapping[str, Any]) -> dict[str, Any]:
    found = count_pairs(variables["text"], variables.get("title"), 1) > 0
    reason = "at least one checkable sentence stands alone" if found else _NO_FACT
    return {"informative": found, "self_contained": found, "reason": reason}


def _personas(variables: Mapping[str, Any]) -> dict[str, Any]:
    """As many personas as there are pairs for them: nobody is asked for nothing."""
    text, title, domains = variables["text"], variables.get("title"), variables["domains"]
    slug = classify(text, title, domains)
    wanted = max(1, count_pairs(text, title, int(variables["max_personas"])))
    chosen = next(d for d in domains if _field(d, "slug") == slug)
    personas = list(_field(chosen, "personas"))
    return {"domain": slug, "personas": personas[:wanted]}


def _field(domain: Any, name: str) -> Any:
    return domain[name] if isinstance(domain, Mapping) else getattr(domain, name)


def _qa_pairs(variables: Mapping[str, Any]) -> dict[str, Any]:
    pairs = _pairs(variables["text"], variables.get("title"))
    index = int(variables["persona_index"])
    if index >= len(pairs):
        return {
            "question": "",
            "answer": "",
            "answer_type": "",
            "quote": "",
            "options": {},
            "declined": f"only {len(pairs)} checkable sentences" if pairs else _NO_FACT,
        }
    pair = pairs[index]
    return {
        "question": pair.question,
        "answer": pair.answer,
        "answer_type": pair.answer_type,
        "quote": pair.quote,
        "options": pair.options,
        "declined": None,
    }


_STAGES = {"filtered_docs": _filtered_docs, "personas": _personas, "qa_pairs": _qa_pairs}


class Extractive:
    """Answers ``filtered_docs``, ``personas`` and ``qa_pairs`` requests by rules."""

    name = "extractive"
    verifies = False

    def answer(self, request: Request) -> str:
        """The raw reply: JSON of the shape the stage's schema asks for."""
        if request.stage not in _STAGES:
            raise ValueError(
                f"the extractive backend cannot answer stage {request.stage!r}; "
                "choose a model in the recipe's [model] table"
            )
        return json.dumps(_STAGES[request.stage](request.variables), ensure_ascii=False)

    def complete(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Answer every request in its place; nothing is spent."""
        for place, request in enumerate(requests):
            yield place, Completion(self.answer(request))
