"""QuRating (arXiv 2402.09739): documents sampled by a score that is learned from pairs.

Reads documents (doc_id, text). Makes kept documents, unchanged, and rejects (``not_sampled``).
A judge compares ``pairs`` pairs (``judgements``), a scorer is distilled from them (``scorer``), and
documents are drawn without replacement with a chance that grows as exp(score / temperature) until
``keep_share`` of the tokens is kept: the paper found that taking the best alone harms diversity.
Words stand for tokens. Scores are scaled to mean 0 and deviation 1, as in the paper's release.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from webscale_dagster.recipe import content_hash
from webscale_dagster.refine.judgements import (
    CALL,
    Judgements,
    Pair,
    draw_pairs,
    judge_by_model,
    judge_by_rules,
)
from webscale_dagster.refine.outcome import (
    Facts,
    Fate,
    Refined,
    Refinement,
    files_of,
    judge_of,
    refined,
    replies_of,
)
from webscale_dagster.refine.scorer import Matrix, Pairs, accuracy, features, fit
from webscale_dagster.stages.protocol import Context
from webscale_dagster.text.normalise import words

HELD_OUT = 0.1  # of the agreed pairs, by which the scorer is measured
_FEWEST_HELD_OUT = 5  # fewer say nothing
LOW_AGREEMENT = 0.6  # a judge that looks at the place alone has 0, one that guesses 0.5
_BLOCK = 512  # documents whose features are held at once


def refine(docs: pl.DataFrame, context: Context) -> Refined:
    """Judge pairs, score all documents, sample."""
    texts = dict(docs.select("doc_id", "text").iter_rows())
    seed, settings = context.recipe.seed, context.recipe.refined_docs
    pairs = draw_pairs(list(texts), settings.pairs, seed)
    if judge_of(context) is not None:
        judgements = judge_by_model(pairs, texts, context)
    else:
        judgements = judge_by_rules(pairs, texts, seed)
    facts = _facts(pairs, judgements, judge_of(context) is not None)
    if not judgements.agreed:  # nothing to choose by: the documents stay as they are
        reason = f"no_judgement: of {len(pairs)} pairs none was told apart"
        return refined(docs, {i: Fate("keep", t, reason) for i, t in texts.items()}, context, facts)
    scores, measured = _scored(texts, judgements.agreed, seed)
    keep = sample(
        scores,
        {doc_id: len(words(text)) for doc_id, text in texts.items()},
        share=settings.keep_share,
        temperature=settings.temperature,
        seed=seed,
    )
    fates = {
        doc_id: Fate("keep", text, f"score {scores[doc_id]:.3f}")
        if doc_id in keep
        else Fate("drop", "", f"score {scores[doc_id]:.3f}", "not_sampled")
        for doc_id, text in texts.items()
    }
    return refined(docs, fates, context, facts | measured | _gain(scores, keep))


def sample(
    scores: Mapping[str, float],
    sizes: Mapping[str, int],
    *,
    share: float,
    temperature: float,
    seed: int,
) -> set[str]:
    """Documents drawn one after the other, by exp(score / temperature), up to the share of size.

    The top of score / temperature + Gumbel noise is such a sample (Gumbel top-k). A document's
    noise comes from its id, so that others do not change its luck.
    """
    keys = {i: score / temperature + _gumbel(seed, i) for i, score in scores.items()}
    wanted = share * sum(sizes.values())
    taken, kept = 0, set()
    for doc_id in sorted(keys, key=lambda i: (-keys[i], i)):
        if taken + sizes[doc_id] / 2 > wanted:  # without it, the share is closer
            break
        taken += sizes[doc_id]
        kept.add(doc_id)
    return kept


def _gumbel(seed: int, doc_id: str) -> float:
    chance = (int(content_hash(str(seed), "gumbel", doc_id)[:13], 16) + 0.5) / 16**13
    return -math.log(-math.log(chance))


def _scored(
    texts: Mapping[str, str], agreed: Sequence[Pair], seed: int
) -> tuple[dict[str, float], Facts]:
    """Scores of all documents, and how the scorer does on pairs it has not seen."""
    seen = sorted({doc_id for pair in agreed for doc_id in pair})
    place = {doc_id: at for at, doc_id in enumerate(seen)}
    rows = features([texts[doc_id] for doc_id in seen])
    pairs: Pairs = np.array([[place[a], place[b]] for a, b in agreed], np.int64)
    facts: Facts = {"scorer_held_out_accuracy": _held_out(rows, pairs, seed)}
    scorer = fit(rows, pairs)
    ids = list(texts)
    raw = np.concatenate(
        [
            scorer.score(features([texts[i] for i in ids[at : at + _BLOCK]]))
            for at in range(0, len(ids), _BLOCK)
        ]
    )
    spread = float(raw.std()) or 1.0
    # Rounded, so that the last bits of a machine's arithmetic choose no document.
    scaled = np.round((raw - raw.mean()) / spread, 6)
    return dict(zip(ids, scaled.tolist(), strict=True)), facts


def _held_out(rows: Matrix, pairs: Pairs, seed: int) -> float | str:
    count = int(HELD_OUT * len(pairs))
    if count < _FEWEST_HELD_OUT:
        return f"unknown: {len(pairs)} pairs are too few"
    order = np.random.default_rng(seed).permutation(len(pairs))
    scorer = fit(rows, pairs[order[count:]])
    return round(accuracy(scorer, rows, pairs[order[:count]]), 4)


def _facts(pairs: Sequence[Pair], found: Judgements, asked: bool) -> Facts:
    facts: Facts = {"pairs": len(pairs), "pairs_agreed": len(found.agreed)}
    if not asked:
        return facts
    facts |= {
        **replies_of(2 * len(pairs), found.unusable),
        "pairs_judged": found.judged,
        "agreement_of_orders": round(found.agreement, 4),
        "first_place_share": round(found.first_share, 4),
    }
    if found.judged and found.agreement < LOW_AGREEMENT:
        facts["judge_warning"] = (
            f"the judge contradicts itself when the order changes: {found.agreement:.0%} of pairs "
            f"agree, {found.first_share:.0%} of replies name the first text"
        )
    return facts


def _gain(scores: Mapping[str, float], keep: set[str]) -> Facts:
    kept = [scores[doc_id] for doc_id in sorted(keep)]
    return {"mean_score_of_kept": round(sum(kept) / len(kept), 4)} if kept else {}


REFINEMENT = Refinement(
    name="qurating",
    meaning="documents sampled by a quality score that is learned from judged pairs",
    refine=refine,
    version=1,
    files=files_of(CALL),
)
