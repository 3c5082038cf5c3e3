"""Which of two documents is worth more: pairs, and the judgements of a model or of rules on them.

Makes ``Judgements``; reads and writes nothing. A model sees each pair in both orders (QuRating,
arXiv 2402.09739, averages both to cancel the preference for a place); a pair counts if both name
the same document, so agreement is the confidence. The paper samples 20 answers per order and keeps
pairs of which one side wins by half; one answer per order and full agreement is the frugal form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from webscale_dagster.recipe import content_hash
from webscale_dagster.refine.outcome import request
from webscale_dagster.refine.signals import signals, worth
from webscale_dagster.stages.asking import ask_each
from webscale_dagster.stages.protocol import Context, Request
from webscale_dagster.stages.reply import Reason, ReplyModel

CALL = "qurating"
Pair = tuple[str, str]
_EXCERPT = 2_000  # characters, about the 512 tokens that the paper shows a judge
_TIE = 0.1  # of the rules' worth: closer documents are not told apart


class Preference(ReplyModel):
    """The model's reply: which text is worth more to a learner."""

    reason: Reason
    better: Literal["first", "second"]


@dataclass(frozen=True)
class Judgements:
    """Pairs that both orders agree on, the better document first, and what the judge was like."""

    agreed: tuple[Pair, ...]
    judged: int  # pairs with a usable reply in both orders, or judged by rules
    unusable: int  # replies
    first_share: float  # of usable replies; 0.5 where a judge does not mind the order

    @property
    def agreement(self) -> float:
        """Share of judged pairs on which both orders agree."""
        return len(self.agreed) / self.judged if self.judged else 0.0


def draw_pairs(ids: Sequence[str], wanted: int, seed: int) -> list[Pair]:
    """Different pairs, such that every document is in about as many; all if there are no more."""
    ordered = sorted(ids)
    count = len(ordered)
    if count * (count - 1) // 2 <= wanted:
        return [(a, b) for at, a in enumerate(ordered) for b in ordered[at + 1 :]]
    rng = np.random.default_rng(seed)
    found: dict[frozenset[str], Pair] = {}
    while len(found) < wanted:
        shuffled = [ordered[at] for at in rng.permutation(count)]
        for pair in zip(shuffled[::2], shuffled[1::2], strict=False):
            found.setdefault(frozenset(pair), pair)
    return list(found.values())[:wanted]


def excerpt(doc_id: str, text: str, seed: int) -> str:
    """So much of a text that two fit a prompt; from a place that the document's id decides."""
    if len(text) <= _EXCERPT:
        return text
    start = int(content_hash(str(seed), doc_id), 16) % (len(text) - _EXCERPT + 1)
    part = text[start : start + _EXCERPT]
    head, space, tail = part.partition(" ")
    return tail if start and space and len(head) < 100 else part


def judge_by_model(pairs: Sequence[Pair], texts: Mapping[str, str], context: Context) -> Judgements:
    """Ask about every pair in both orders."""
    seed = context.recipe.seed
    orders = [order for a, b in pairs for order in ((a, b), (b, a))]

    def asked(order: Pair) -> Request:
        shown = [excerpt(doc_id, texts[doc_id], seed) for doc_id in order]
        documents = dict(zip(("First text", "Second text"), shown, strict=True))
        return request(context, CALL, "/".join(order), documents, Preference)

    better: dict[Pair, str] = {}
    firsts = unusable = 0
    for order, reply in ask_each(orders, len(orders), asked, context):
        if reply.problem is not None:
            unusable += 1
            continue
        first = reply.value.better == "first"
        firsts += first
        better[order] = order[0] if first else order[1]
    judged = [(a, b) for a, b in pairs if (a, b) in better and (b, a) in better]
    agreed = tuple(
        (a, b) if better[a, b] == a else (b, a) for a, b in judged if better[a, b] == better[b, a]
    )
    return Judgements(agreed, len(judged), unusable, firsts / len(better) if better else 0.5)


def judge_by_rules(pairs: Sequence[Pair], texts: Mapping[str, str], seed: int) -> Judgements:
    """The rules see the same excerpts; what they cannot tell apart is no judgement."""
    shown = {doc_id for pair in pairs for doc_id in pair}
    worths = {i: worth(signals(excerpt(i, texts[i], seed))) for i in sorted(shown)}
    agreed = tuple(
        (a, b) if worths[a] > worths[b] else (b, a)
        for a, b in pairs
        if abs(worths[a] - worths[b]) > _TIE
    )
    return Judgements(agreed, len(pairs), 0, 0.5)
