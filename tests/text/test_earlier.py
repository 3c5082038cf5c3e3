from __future__ import annotations

import random

import polars as pl
import pytest

from tests.text.test_admission import EARLIER, SETTINGS, Corpus, documents
from tests.text.test_near_duplicates import planted
from webscale_dagster.text.admission import admit
from webscale_dagster.text.earlier import Wanted


@pytest.mark.parametrize("seed", range(4))
def test_what_is_chosen_decides_as_all_would(seed: int) -> None:
    draw = random.Random(seed)
    texts = planted(seed)
    rows = documents(texts, [draw.choice([None, None, "a", "b", "c"]) for _ in texts])
    corpus = Corpus()
    corpus.add(rows.head(len(texts) // 2))
    new = rows.slice(len(texts) // 2)
    parts = list(corpus.kept.iter_slices(7))
    chosen = Wanted(new).among(parts)
    founders = corpus.kept.filter(
        pl.col("doc_id").is_in(chosen["family"].implode())
        & ~pl.col("doc_id").is_in(chosen["doc_id"].implode())
    )
    places = pl.Series(corpus.kept["doc_id"].to_list())
    order = {doc_id: place for place, doc_id in enumerate(places)}
    enough = pl.concat([chosen, founders]).sort(pl.col("doc_id").replace_strict(order))
    assert enough.height < corpus.kept.height
    few = admit(new, enough.select(EARLIER), corpus.fetch, SETTINGS)
    every = admit(new, corpus.kept, corpus.fetch, SETTINGS)
    assert few.duplicates.equals(every.duplicates)
    assert few.relatives.equals(every.relatives)


def test_nothing_was_admitted_before() -> None:
    new = documents(["some words here"])
    none = Corpus().kept
    assert Wanted(new).among([none]).height == 0
    assert Wanted(new.clear()).among([none]).height == 0


def test_the_first_of_a_group_and_of_a_text_is_enough() -> None:
    texts = [f"text number {i} of a few words {i * i} and no other" for i in range(6)]
    corpus = Corpus()
    corpus.add(documents(texts, ["g"] * 6))
    new = documents(["another text without any of those", texts[4]], ["g", None])
    chosen = Wanted(new.with_columns(doc_id=pl.col("doc_id") + "new")).among(
        corpus.kept.iter_slices(2)
    )
    assert chosen["doc_id"].to_list() == ["d0", "d4"]
