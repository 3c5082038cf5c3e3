"""Every exemplar that a prompt shows keeps the rules that pairs are held to."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.domains import Domain, domains
from webscale_dagster.stages.free_checks import check_pair
from webscale_dagster.stages.quotes import align
from webscale_dagster.verifiers import verify

DOMAINS = domains(Recipe())
KEYS = {"passage", "persona", "question", "answer", "answer_type", "quote"}
SETTINGS = Recipe().verified_qa


def problem(exemplar: Mapping[str, Any]) -> str | None:
    """The first rule that the exemplar breaks."""
    if set(exemplar) - {"options"} != KEYS:
        return f"keys: {sorted(exemplar)}"
    score = align(exemplar["quote"], exemplar["passage"]).score
    if score < 1:
        return f"quote: {score}"
    options = exemplar.get("options", {})
    row = {
        **{name: exemplar[name] for name in ("question", "answer", "answer_type")},
        "verifier_options": orjson.dumps(options).decode(),
        "evidence": exemplar["quote"],
        "text": exemplar["passage"],
        "lang": "en",
    }
    broken = check_pair(row, SETTINGS).problems
    if broken:
        return ": ".join(broken[0])
    answer, kind = exemplar["answer"], exemplar["answer_type"]
    outcome = verify(kind, f"Answer: {answer}", answer, **options)
    return None if outcome.outcome == "correct" else f"verifier: {outcome.reason}"


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.slug)
def test_a_domain_has_enough_exemplars_of_many_types(domain: Domain) -> None:
    assert len(domain.exemplars) >= 8
    assert len({exemplar["answer_type"] for exemplar in domain.exemplars}) >= 5
    personas = [exemplar["persona"] for exemplar in domain.exemplars]
    assert len(set(personas)) == len(personas)


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.slug)
def test_an_exemplar_keeps_the_rules_of_a_pair(domain: Domain) -> None:
    found = {exemplar["question"]: problem(exemplar) for exemplar in domain.exemplars}
    assert {question: why for question, why in found.items() if why is not None} == {}


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.slug)
def test_every_accepted_wording_of_an_answer_is_correct(domain: Domain) -> None:
    for exemplar in domain.exemplars:
        options = exemplar.get("options", {})
        for alias in options.get("aliases", ()):
            outcome = verify(
                exemplar["answer_type"], f"Answer: {alias}", exemplar["answer"], **options
            )
            assert outcome.outcome == "correct", (exemplar["question"], alias, outcome.reason)


@pytest.mark.parametrize("name", ["question", "passage"])
def test_no_two_exemplars_share_a_question_or_a_passage(name: str) -> None:
    every = [
        " ".join(exemplar[name].lower().split())
        for exemplar in itertools.chain.from_iterable(domain.exemplars for domain in DOMAINS)
    ]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"quote": "The Danube is 2,850 kilometers long."}, "quote"),
        ({"quote": "It rises in the Black Forest."}, "answer_not_in_quote"),
        ({"question": "How long is the Danube, 2,850 kilometres?"}, "leaks"),
        ({"question": "How long is the river in the passage?"}, "refers_to_document"),
        ({"answer": "very long"}, "answer_not_of_its_type"),
        ({"options": {"unit": "kilograms"}}, "answer_not_of_its_type"),
        ({"source": "https://example.org"}, "keys"),
    ],
)
def test_a_broken_exemplar_is_found(changes: dict[str, Any], reason: str | None) -> None:
    good = {
        "passage": "The Danube is 2,850 kilometres long. It rises in the Black Forest.",
        "persona": "A rower who plans a tour and knows the river near Vienna.",
        "question": "How many kilometres long is the Danube?",
        "answer": "2,850 kilometres",
        "answer_type": "number",
        "quote": "The Danube is 2,850 kilometres long.",
        "options": {"unit": "kilometres"},
    }
    found = problem(good | changes)
    assert (found.split(":")[0] if found else None) == reason
