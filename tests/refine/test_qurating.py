"""QuRating: judged pairs, the scorer made of them, and sampling by its scores."""

from __future__ import annotations

import math
import random
import re
from typing import Any

import numpy as np
import pytest

from tests.refine.fakes import ARTICLE, MENU, UNUSABLE, Scripted, context, frame
from webscale_dagster.refine import Refined
from webscale_dagster.refine.judgements import draw_pairs, excerpt
from webscale_dagster.refine.qurating import refine, sample
from webscale_dagster.refine.scorer import features
from webscale_dagster.stages.protocol import Request

GOOD = ("theorem", "proof", "because", "kernel", "enzyme", "tensor", "orbit", "lemma")
BAD = ("click", "wow", "deal", "lol", "subscribe", "buddy", "cheap", "gossip")


def _planted(count: int) -> tuple[dict[str, str], dict[str, float]]:
    """Documents whose words show a worth, and the worths."""
    rng = random.Random(7)
    worths = {f"d{at:03}": rng.gauss(0, 1) for at in range(count)}
    texts = {
        doc_id: " ".join(
            rng.choice(GOOD if rng.random() < 1 / (1 + math.exp(-worth)) else BAD)
            for _ in range(rng.randint(60, 140))
        )
        for doc_id, worth in worths.items()
    }
    return texts, worths


TEXTS, WORTHS = _planted(150)


def _ids(request: Request) -> tuple[str, str]:
    first, _, second = request.row_id.partition("/")
    return first, second


class NoisyJudge:
    """Follows the planted worths as a Bradley-Terry judge does, anew for each order."""

    def __init__(self) -> None:
        self._rng = random.Random(3)

    def __call__(self, request: Request) -> dict[str, str]:
        a, b = (WORTHS[doc_id] for doc_id in _ids(request))
        first = self._rng.random() < 1 / (1 + math.exp(-3 * (a - b)))
        return {"reason": "", "better": "first" if first else "second"}


def _scores(found: Refined) -> dict[str, float]:
    said = found.kept.select("doc_id", "reason").rows()
    said += found.rejects.select("row_id", "detail").rows()
    return {i: float(re.search(r"score (-?[\d.]+)", text)[1]) for i, text in said}  # type: ignore[index]


def _ranks(values: list[float]) -> Any:
    return np.argsort(np.argsort(values))


@pytest.fixture(scope="module")
def planted() -> Refined:
    return refine(frame(TEXTS), context(Scripted(NoisyJudge()), pairs=600))


def test_the_planted_order_is_found(planted: Refined) -> None:
    scores = _scores(planted)
    ranks = [_ranks([by[i] for i in TEXTS]) for by in (scores, WORTHS)]
    assert np.corrcoef(*ranks)[0, 1] > 0.8
    facts = planted.facts
    assert facts["judged_by"] == "scripted" and facts["pairs_judged"] == 600
    assert 0.7 < float(facts["agreement_of_orders"]) < 0.95
    assert float(facts["scorer_held_out_accuracy"]) > 0.75
    assert 0.4 < float(facts["first_place_share"]) < 0.6
    assert "warning" not in facts and "judge_warning" not in facts


def test_better_documents_are_kept_and_not_only_the_best(planted: Refined) -> None:
    assert abs(float(planted.facts["kept_word_share"]) - 0.5) < 0.02
    kept = set(planted.kept["doc_id"])
    assert set(planted.rejects["reason"]) == {"not_sampled"}
    assert sum(WORTHS[i] for i in kept) / len(kept) > 0.2
    best = set(sorted(WORTHS, key=lambda i: -WORTHS[i])[: len(kept)])
    assert 0.5 < len(kept & best) / len(kept) < 0.95


def test_the_order_of_documents_does_not_matter(planted: Refined) -> None:
    docs = frame(TEXTS).reverse()
    again = refine(docs, context(Scripted(NoisyJudge()), pairs=600))
    assert set(again.kept["doc_id"]) == set(planted.kept["doc_id"])
    assert again.facts == planted.facts


def test_a_judge_of_places_is_found_out_and_chooses_nothing() -> None:
    model = Scripted(lambda request: {"reason": "", "better": "first"})
    found = refine(frame(TEXTS), context(model, pairs=50))
    facts = found.facts
    assert (facts["agreement_of_orders"], facts["first_place_share"]) == (0.0, 1.0)
    assert "contradicts itself" in str(facts["judge_warning"])
    assert found.kept["text"].to_list() == list(TEXTS.values())
    assert all(reason.startswith("no_judgement") for reason in found.kept["reason"])


def test_a_judge_that_mostly_looks_at_the_place_is_warned_of() -> None:
    rng = random.Random(1)

    def biased(request: Request) -> dict[str, str]:
        a, b = (WORTHS[doc_id] for doc_id in _ids(request))
        first = rng.random() < 0.7 or a > b
        return {"reason": "", "better": "first" if first else "second"}

    facts = refine(frame(TEXTS), context(Scripted(biased), pairs=200)).facts
    assert float(facts["agreement_of_orders"]) < 0.6 and "judge_warning" in facts


def test_unusable_replies_are_counted_and_their_pairs_left_out() -> None:
    judge, asked = NoisyJudge(), iter(range(1_000_000))
    model = Scripted(lambda request: UNUSABLE if next(asked) % 5 == 0 else judge(request))
    facts = refine(frame(TEXTS), context(model, pairs=100)).facts
    assert facts["unusable_replies"] == 40 and facts["pairs_judged"] == 60
    silent = refine(frame(TEXTS), context(Scripted(lambda request: UNUSABLE), pairs=10))
    assert silent.kept.height == len(TEXTS) and silent.facts["unusable_replies"] == 20


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_the_share_of_tokens_is_met(share: float) -> None:
    rng = random.Random(5)
    sizes = {str(at): round(math.exp(rng.gauss(5, 1))) for at in range(600)}
    scores = {i: rng.gauss(0, 1) for i in sizes}
    kept = sample(scores, sizes, share=share, temperature=1.0, seed=1)
    assert abs(sum(sizes[i] for i in kept) / sum(sizes.values()) - share) < 0.02


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_chances_follow_the_scores(temperature: float) -> None:
    scores, sizes = {"a": 1.0, "b": 0.0}, {"a": 1, "b": 1}
    firsts = sum(
        sample(scores, sizes, share=0.5, temperature=temperature, seed=seed) == {"a"}
        for seed in range(2_000)
    )
    assert abs(firsts / 2_000 - 1 / (1 + math.exp(-1 / temperature))) < 0.03


def test_pairs_are_different_and_spread_over_all_documents() -> None:
    ids = [str(at) for at in range(101)]
    pairs = draw_pairs(ids, 500, 1)
    assert len({frozenset(pair) for pair in pairs}) == 500 and pairs == draw_pairs(
        ids[::-1], 500, 1
    )
    counts = np.unique([i for pair in pairs for i in pair], return_counts=True)[1]
    assert len(counts) == 101 and counts.min() >= 6 and counts.max() <= 12
    assert draw_pairs(["b", "a", "c"], 500, 1) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert draw_pairs(["a"], 5, 1) == draw_pairs([], 5, 1) == []


def test_both_orders_are_asked_with_excerpts() -> None:
    long = " ".join(f"word{at}" for at in range(2_000))
    model = Scripted(lambda request: {"reason": "", "better": "second"})
    refine(frame({"a": long, "b": "Short."}), context(model, pairs=1))
    first, second = model.requests
    assert [first.row_id, second.row_id] == ["a/b", "b/a"]
    (_, user) = first.messages
    assert user["content"].index("First text") < user["content"].index("Second text")
    assert user["content"].count("<document>") == 2 and len(user["content"]) < 2_400
    assert excerpt("a", long, 1) in long and excerpt("a", long, 1) != excerpt("c", long, 1)


def test_features_do_not_grow_with_the_text() -> None:
    once, thrice = features([ARTICLE, "\n\n".join([ARTICLE] * 3)])
    assert np.linalg.norm(once - thrice) < 0.35 * np.linalg.norm(once)


def test_rules_prefer_explanations_to_pages_and_talk() -> None:
    talk = "OMG you guys! I love this so much!! My friends and I buy it every sale, lol! Awesome!"
    texts = {f"good{at}": ARTICLE.replace("Danube", f"River {at}") for at in range(8)}
    texts |= {f"menu{at}": "\n".join([f"Site {at}", *MENU, *MENU]) for at in range(8)}
    texts |= {f"talk{at}": f"{talk} Part {at}!" for at in range(8)}
    found = refine(frame(texts), context(keep_share=0.6, temperature=0.05))
    assert found.facts["judged_by"] == "rules" and "agreement_of_orders" not in found.facts
    scores = _scores(found)
    assert min(scores[f"good{at}"] for at in range(8)) > max(
        score for i, score in scores.items() if not i.startswith("good")
    )
    assert all(reason.startswith("by rules: score") for reason in found.kept["reason"])
    assert all(detail.startswith("by rules: score") for detail in found.rejects["detail"])
