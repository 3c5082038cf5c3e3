from __future__ import annotations

import random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.samples import WORDS, edited, prose
from tests.text.test_shingles import plain_jaccard
from webscale_dagster.recipe import NearDuplicates
from webscale_dagster.text import find_near_duplicates

SETTINGS = NearDuplicates()


def frame(*texts: str) -> pl.DataFrame:
    return pl.DataFrame({"id": [f"d{i}" for i in range(len(texts))], "text": texts})


def found(*texts: str) -> dict[str, str]:
    rows = find_near_duplicates(frame(*texts), settings=SETTINGS)
    return dict(rows.select("id", "keep_id").iter_rows())


def brute_force(texts: list[str], threshold: float = 0.8) -> dict[str, str]:
    """Stars by comparing every text with every kept one."""
    kept: list[int] = []
    stars = {}
    for place, text in enumerate(texts):
        scores = [
            1.0 if text == texts[other] else plain_jaccard(text, texts[other]) for other in kept
        ]
        if scores and max(scores) >= threshold:
            stars[f"d{place}"] = f"d{kept[scores.index(max(scores))]}"
        else:
            kept.append(place)
    return stars


def planted(seed: int) -> list[str]:
    """Originals, copies with edits of 0 to 30 % of their words, and strangers, shuffled."""
    draw = random.Random(seed)
    originals = [prose(seed * 1000 + i, draw.randint(5, 300)) for i in range(40)]
    copies = [
        edited(draw.choice(originals), draw.choice([0, 0.005, 0.01, 0.02, 0.05, 0.3]), i)
        for i in range(80)
    ]
    texts = originals + copies
    draw.shuffle(texts)
    return texts


@pytest.mark.parametrize("seed", range(4))
def test_planted_duplicates_are_found_as_by_comparing_all_with_all(seed: int) -> None:
    texts = planted(seed)
    expected = brute_force(texts)
    assert len(expected) > 20
    assert found(*texts) == expected


def test_the_frame_says_how_similar_they_are() -> None:
    text = prose(1, 200)
    near = edited(text, 0.01, 3)
    rows = find_near_duplicates(frame(text, near, text))
    assert rows.columns == ["id", "keep_id", "cluster_id", "jaccard"]
    assert rows.rows() == [
        ("d1", "d0", "d0", pytest.approx(plain_jaccard(text, near))),
        ("d2", "d0", "d0", 1.0),
    ]


def test_stars_not_chains() -> None:
    # Each is 0.8 similar to the next, the first and the last are not: the middle one goes, the
    # last one stays, for what it resembled was not kept.
    words = prose(2, 300).replace(".", "").split()
    a, b, c = (" ".join(words[i : i + 200]) for i in (0, 20, 40))
    assert plain_jaccard(a, b) >= 0.8 > plain_jaccard(a, c)
    assert found(a, b, c) == {"d1": "d0"}
    assert found(b, a, c) == {"d1": "d0", "d2": "d0"}


def test_the_best_match_is_named_and_of_equals_the_earliest() -> None:
    words = prose(3, 300).replace(".", "").split()
    a, far, near = (" ".join(words[i : i + 200]) for i in (0, 41, 21))
    assert 0.8 <= plain_jaccard(near, far) > plain_jaccard(near, a) >= 0.8
    assert found(a, far, near) == {"d2": "d1"}
    text = prose(4, 50)
    assert found(text, text, text) == {"d1": "d0", "d2": "d0"}


def test_case_and_punctuation_do_not_matter() -> None:
    text = prose(5, 100)
    assert found(text, text.upper().replace(".", "!")) == {"d1": "d0"}


def test_texts_without_words_are_duplicates_only_if_equal() -> None:
    assert found("!!!", "???", "!!!", "", "") == {"d2": "d0", "d4": "d3"}


def test_texts_shorter_than_a_shingle() -> None:
    assert found("one two", "One, two!", "two one", "one two three") == {"d1": "d0"}


def test_unrelated_texts_are_kept() -> None:
    assert found(*(prose(i, 60) for i in range(200))) == {}


def test_a_page_template_shared_by_thousands_costs_little() -> None:
    # All share half of their shingles, hence bands, but none is a duplicate of another.
    template = prose(6, 100)
    draw = random.Random(7)
    texts = [f"{template} {' '.join(draw.choices(WORDS, k=100))}" for _ in range(1000)]
    assert found(*texts, *texts[:500]) == {f"d{1000 + i}": f"d{i}" for i in range(500)}


def test_a_null_text_is_refused_with_its_row() -> None:
    with pytest.raises(ValueError, match="row 1: id or text is null"):
        find_near_duplicates(pl.DataFrame({"id": ["a", "b"], "text": ["x", None]}))


def test_ids_must_be_unique() -> None:
    with pytest.raises(ValueError, match="a appears twice"):
        find_near_duplicates(pl.DataFrame({"id": ["a", "a"], "text": ["x", "y"]}))


def test_no_documents() -> None:
    empty = pl.DataFrame(schema={"id": pl.String, "text": pl.String})
    assert find_near_duplicates(empty).is_empty()


@given(st.lists(st.lists(st.sampled_from("ab"), max_size=40).map(" ".join), max_size=12))
def test_any_texts_are_decided_as_by_comparing_all_with_all(texts: list[str]) -> None:
    assert found(*texts) == brute_force(texts)
