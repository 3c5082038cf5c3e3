"""The backend that needs no model: rules that write questions from single sentences.

Reads the variables of a request; makes raw JSON replies of the same shape as a model's; writes
nothing. It never judges pairs (``verifies`` is false): what it wrote stays marked as its own.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from webscale_dagster.llm.journal import Completion
from webscale_dagster.llm.questions import Pair, count_pairs, write_pairs
from webscale_dagster.llm.vocabulary import classify
from webscale_dagster.stages.protocol import Request

if TYPE_CHECKING:
    from webscale_dagster.llm.client import Arrival, Session
    from webscale_dagster.llm.tally import Tally

_PAIRS_KEPT = 8  # per document: as many as a recipe may have personas
_NO_FACT = "no sentence stands alone and states a fact that the rules can ask for"


@functools.lru_cache(maxsize=64)  # the personas of a document follow each other
def _pairs(text: str, title: str | None) -> tuple[Pair, ...]:
    return tuple(write_pairs(text, title, _PAIRS_KEPT))


def _filtered_docs(variables: Mapping[str, Any]) -> dict[str, Any]:
    found = count_pairs(variables["text"], variables.get("title"), 1) > 0
    reason = "at least one checkable sentence stands alone" if found else _NO_FACT
    verdict: dict[str, Any] = {"reason": reason, "informative": found, "self_contained": found}
    verdict |= {"enough_context": found, "boilerplate": False}
    if variables["domains"]:  # the merged call
        verdict |= _personas(variables) if found else {"domain": None, "personas": []}
    return verdict


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
    return {"pairs": [_pair(pairs, int(index)) for index, _ in variables["personas"]]}


def _pair(pairs: tuple[Pair, ...], index: int) -> dict[str, Any]:
    if index >= len(pairs):
        declined = f"only {len(pairs)} checkable sentences" if pairs else _NO_FACT
        return {"persona": index, "declined": declined}
    pair = pairs[index]
    return {
        "persona": index,
        "declined": None,
        "quote": pair.quote,
        "question": pair.question,
        "answer": pair.answer,
        "answer_type": pair.answer_type,
        **pair.options,  # a unit, aliases
    }


_STAGES = {"filtered_docs": _filtered_docs, "personas": _personas, "qa_pairs": _qa_pairs}


def answer(request: Request) -> str:
    """The raw reply: JSON of the shape the stage's schema asks for."""
    if request.stage not in _STAGES:
        raise ValueError(
            f"the extractive backend cannot answer stage {request.stage!r}; "
            "choose a model in the recipe's [model] table"
        )
    return json.dumps(_STAGES[request.stage](request.variables), ensure_ascii=False)


class Extractive:
    """Answers ``filtered_docs``, ``personas`` and ``qa_pairs`` requests by rules."""

    verifies = False

    def open(self) -> Session:
        """Begin to answer."""
        return _Answers()


class _Answers:
    """Answers every request at once; nothing is spent."""

    window = 256
    proven = durable = False

    def __init__(self) -> None:
        self._taken: list[tuple[int, Request]] = []

    def submit(self, ticket: int, key: str, request: Request) -> None:
        """Take a request."""
        del key
        self._taken.append((ticket, request))

    def results(self, seconds: float) -> Sequence[Arrival]:
        """Answer all that was taken."""
        del seconds
        taken, self._taken = self._taken, []
        return [
            (ticket, Completion(answer(request), model="extractive")) for ticket, request in taken
        ]

    def watch(self, tally: Tally) -> None:
        """Nothing is under way and no try fails."""

    def close(self) -> None:
        """Nothing is open."""
