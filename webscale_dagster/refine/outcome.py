"""What a refinement makes of documents, and how its model is asked.

Makes ``Refined`` values and the requests of the refinements from the prompts of the package; reads
and writes nothing else. Every document is kept or rejected with a reason; where rules stand in for
a model that may not judge, every row says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import polars as pl
from pydantic import BaseModel

from webscale_dagster.stages.prompt import Messages, fenced, package_text, prompt_version
from webscale_dagster.stages.protocol import Context, Model, Request, rejects_frame
from webscale_dagster.text.normalise import words

STAGE = "refined_docs"
RULES = "rules"  # who judged, where no model did
Action = Literal["keep", "clean", "drop"]
Facts = dict[str, float | str]
_MANY = 0.2  # of replies; as `max_unusable_share` of the stages that ask a model
_SPLIT = "\n---document---\n"  # as in stages/prompt.py
_KEPT = {"doc_id": pl.String, "text": pl.String, "action": pl.String, "reason": pl.String}


@dataclass(frozen=True)
class Fate:
    """What becomes of a document; ``text`` is that of the kept one, empty where it is dropped."""

    action: Action
    text: str
    reason: str
    code: str = ""  # of a reject


@dataclass(frozen=True)
class Refined:
    """Documents that are kept (doc_id, text, action, reason), rejects, and facts for the UI."""

    kept: pl.DataFrame
    rejects: pl.DataFrame
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True)
class Refinement:
    """A way to refine the corpus of continual pretraining."""

    name: str
    meaning: str
    refine: Callable[[pl.DataFrame, Context], Refined]  # of documents: doc_id, text
    version: int  # bump when the logic changes what comes out
    files: tuple[str, ...]  # package data that decides what comes out


def judge_of(context: Context) -> Model | None:
    """The model, where there is one that may judge."""
    return context.model if context.model is not None and context.model.verifies else None


def replies_of(asked: int, unusable: int) -> Facts:
    """How many replies came and could not be used; a warning where the model seems unfit."""
    facts: Facts = {"replies": asked, "unusable_replies": unusable}
    if unusable > _MANY * asked:
        facts["warning"] = (
            f"{unusable} of {asked} replies could not be used: is it the right model?"
        )
    return facts


def files_of(*calls: str) -> tuple[str, ...]:
    """Package paths of everything that is said in these calls."""
    return tuple(f"prompts/{name}.md" for name in (*calls, "repair"))


def request(
    context: Context, call: str, row_id: str, documents: Mapping[str, str], reply: type[BaseModel]
) -> Request:
    """Asks about documents, by the headings they stand under; an empty heading is left out."""
    settings = context.recipe.refined_docs
    return Request(
        stage=STAGE,
        row_id=row_id,
        variables={"call": call, "documents": tuple(documents.values())},
        messages=_messages(call, documents),
        reply=reply,
        prompt_version=prompt_version(files_of(call), reply),
        max_tokens=settings.max_tokens,
        seed=context.recipe.seed,
    )


def _messages(call: str, documents: Mapping[str, str]) -> Messages:
    """The instructions, the same in all calls; then the documents, as data, and what is asked."""
    instructions, _, ask = package_text(f"prompts/{call}.md").partition(_SPLIT)
    parts = [
        f"{name}\n{fenced(text)}" if name else fenced(text) for name, text in documents.items()
    ]
    return (
        {"role": "system", "content": instructions.strip()},
        {"role": "user", "content": "\n\n".join([*parts, ask.strip()])},
    )


def refined(
    docs: pl.DataFrame, fates: Mapping[str, Fate], context: Context, facts: Facts
) -> Refined:
    """Kept documents and rejects, in the order of the documents; none may be missing."""
    judge = judge_of(context)
    said = "" if judge is not None else f"by {RULES}: "
    kept: list[tuple[str, str, str, str]] = []
    left: list[tuple[str, str, str, str]] = []
    for doc_id in docs["doc_id"]:
        fate = fates[doc_id]
        if fate.action == "drop":
            left.append((doc_id, doc_id, fate.code, said + fate.reason))
        else:
            kept.append((doc_id, fate.text, fate.action, said + fate.reason))
    frame = pl.DataFrame(kept, schema=_KEPT, orient="row")
    if frame.height + len(left) != docs["doc_id"].n_unique():
        raise ValueError("documents to refine must have different ids")
    counts: Facts = {
        "judged_by": judge.name if judge is not None else RULES,
        **_counts(docs["text"], frame, fates),
    }
    return Refined(frame, rejects_frame(STAGE, context.shard, left), counts | facts)


def _counts(texts: pl.Series, kept: pl.DataFrame, fates: Mapping[str, Fate]) -> Facts:
    actions = Counter(fate.action for fate in fates.values())
    before, after = (sum(len(words(text)) for text in column) for column in (texts, kept["text"]))
    return {
        "documents": len(texts),
        "kept_unchanged": actions["keep"],
        "cleaned": actions["clean"],
        "dropped": actions["drop"],
        "words_before": before,
        "words_after": after,
        "kept_word_share": round(after / before, 4) if before else 1.0,
    }
