import json
import tomllib
from pathlib import Path

import pytest

import webscale_dagster
from webscale_dagster.llm.vocabulary import classify

FOLDER = Path(webscale_dagster.__file__).parent / "domains"
SLUGS = sorted(path.stem for path in FOLDER.glob("*.toml"))
TYPES = {
    "number",
    "percent",
    "currency",
    "date",
    "duration",
    "entity",
    "term",
    "short_phrase",
    "list",
    "ordered_list",
}
DOMAINS = [tomllib.loads((FOLDER / f"{slug}.toml").read_text("utf-8")) for slug in SLUGS]


def exemplars(slug: str) -> list[dict[str, str]]:
    lines = (FOLDER / f"{slug}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_there_is_a_domain_for_everything() -> None:
    assert len(SLUGS) == 15
    assert "other" in SLUGS
    assert {path.stem for path in FOLDER.glob("*.jsonl")} == set(SLUGS)


@pytest.mark.parametrize("domain", DOMAINS, ids=SLUGS)
def test_a_domain_says_what_belongs_and_who_asks(domain: dict[str, object]) -> None:
    assert set(domain) == {"slug", "name", "scope", "ask", "avoid", "personas", "vocabulary"}
    personas, vocabulary = domain["personas"], domain["vocabulary"]
    assert isinstance(personas, list)
    assert isinstance(vocabulary, list)
    assert len(set(personas)) >= 5
    assert 60 <= len(set(vocabulary)) <= 150
    assert all(word == word.lower() for word in vocabulary)


@pytest.mark.parametrize("slug", SLUGS)
def test_an_exemplar_quotes_its_passage_and_the_quote_holds_the_answer(slug: str) -> None:
    found = exemplars(slug)
    assert len(found) >= 4
    for exemplar in found:
        assert exemplar["quote"] in exemplar["passage"]
        assert exemplar["answer"] in exemplar["quote"]
        assert 40 <= len(exemplar["passage"].split()) <= 100
        assert exemplar["answer_type"] in TYPES
        assert exemplar["question"].endswith("?")


def test_most_exemplars_are_recognised_as_their_domain() -> None:
    hits = [
        classify(exemplar["passage"], None, DOMAINS) == slug
        for slug in SLUGS
        if slug != "other"
        for exemplar in exemplars(slug)
    ]
    assert sum(hits) / len(hits) > 0.6
