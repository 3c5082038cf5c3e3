from __future__ import annotations

import math
import random
from collections.abc import Sequence

import polars as pl
import pytest

from tests.text.samples import edited, prose
from tests.text.test_near_duplicates import planted
from tests.text.test_shingles import plain_jaccard
from webscale_dagster.recipe import NearDuplicates
from webscale_dagster.tables import TABLES
from webscale_dagster.text import decisions
from webscale_dagster.text.admission import Admission, admit
from webscale_dagster.text.decisions import bands_to_share
from webscale_dagster.text.near_duplicates import sign

SETTINGS = NearDuplicates()
EARLIER = ["doc_id", "text_hash", "group", "n_shingles", "bands", "family"]


def documents(texts: Sequence[str], groups: Sequence[str | None] | None = None) -> pl.DataFrame:
    rows = pl.DataFrame(
        {
            "doc_id": [f"d{i}" for i in range(len(texts))],
            "shard": "s-00000",
            "text": texts,
            "group": groups or [None] * len(texts),
        },
        schema_overrides={"group": pl.String, "text": pl.String, "doc_id": pl.String},
    )
    return sign(rows, SETTINGS)


class Corpus:
    """Admits shards one after the other, as the stage does."""

    def __init__(self) -> None:
        self.kept = documents([]).with_columns(family=pl.lit(None, pl.String)).select(EARLIER)
        self.texts: dict[str, str] = {}
        self.asked: list[str] = []
        self.duplicates: list[pl.DataFrame] = []
        self.relatives: list[pl.DataFrame] = []

    def fetch(self, ids: list[str]) -> dict[str, str]:
        self.asked += ids
        return {doc_id: self.texts[doc_id] for doc_id in ids}

    def add(self, shard: pl.DataFrame) -> Admission:
        admitted = admit(shard, self.kept, self.fetch, SETTINGS)
        self.texts |= dict(shard.select("doc_id", "text").iter_rows())
        kept = shard.join(admitted.relatives.select("doc_id", "family"), on="doc_id")
        self.kept = pl.concat([self.kept, kept.select(EARLIER)])
        self.duplicates.append(admitted.duplicates)
        self.relatives.append(admitted.relatives)
        return admitted


def at_once(new: pl.DataFrame) -> Admission:
    return Corpus().add(new)


@pytest.mark.parametrize("seed", range(5))
def test_shard_by_shard_is_all_at_once(seed: int) -> None:
    draw = random.Random(seed)
    texts = planted(seed)
    new = documents(texts, [draw.choice([None, None, "a", "b", "c"]) for _ in texts])
    corpus = Corpus()
    start = 0
    while start < new.height:
        size = draw.randint(1, 40)
        corpus.add(new.slice(start, size))
        start += size
    whole = at_once(new)
    assert pl.concat(corpus.duplicates).equals(whole.duplicates)
    assert pl.concat(corpus.relatives).equals(whole.relatives)


def test_every_document_is_kept_or_a_duplicate_and_the_tables_fit() -> None:
    new = documents(planted(9))
    found = at_once(new)
    assert found.duplicates.schema == TABLES["near_duplicates"].schema
    assert found.relatives.schema == TABLES["relatives"].schema
    ids = found.duplicates["doc_id"].to_list() + found.relatives["doc_id"].to_list()
    assert sorted(ids) == sorted(new["doc_id"])
    assert set(found.duplicates["keep_doc_id"]) <= set(found.relatives["doc_id"])


def test_a_new_shard_never_changes_what_was_kept_and_admission_is_repeatable() -> None:
    new = documents(planted(10))
    first = at_once(new.head(60))
    both = at_once(new)
    assert both.relatives.filter(pl.col("doc_id").is_in(first.relatives["doc_id"])).equals(
        first.relatives
    )
    assert at_once(new).relatives.equals(both.relatives)


def families(texts: Sequence[str], groups: Sequence[str | None]) -> dict[str, list[str]]:
    found = at_once(documents(texts, groups)).relatives
    assert [f[0] for f in found["families"]] == found["family"].to_list()
    return dict(found.select("doc_id", "families").iter_rows())


def test_a_group_is_a_family_of_its_first_document() -> None:
    texts = [prose(i, 80) for i in range(5)]
    assert families(texts, ["book", None, "book", "other", "book"]) == {
        "d0": ["d0"],
        "d1": ["d1"],
        "d2": ["d0"],
        "d3": ["d3"],
        "d4": ["d0"],
    }


def test_similar_documents_that_are_no_duplicates_are_relatives() -> None:
    text = prose(20, 300)
    near = edited(text, 0.05, 4)
    assert 0.6 <= plain_jaccard(text, near) < 0.8
    assert families([prose(21, 300), text, near], [None, None, None])["d2"] == ["d1"]


def test_an_excerpt_is_a_relative_of_its_document() -> None:
    text = prose(22, 300)
    excerpt = " ".join(text.split()[:165])
    assert plain_jaccard(text, excerpt) < 0.6
    assert families([text, excerpt], [None, None])["d1"] == ["d0"]


def test_a_document_that_joins_two_families_names_both_the_earlier_first() -> None:
    text = prose(23, 300)
    near = edited(text, 0.05, 4)
    texts = [prose(24, 80), text, near, prose(25, 80)]
    assert families(texts, ["book", None, "book", "book"]) == {
        "d0": ["d0"],
        "d1": ["d1"],
        "d2": ["d0", "d1"],
        "d3": ["d0"],  # a group's family is fixed when it first appears
    }
    assert families([text, texts[0], near, texts[3]], [None, "book", "book", "book"]) == {
        "d0": ["d0"],
        "d1": ["d1"],
        "d2": ["d0", "d1"],
        "d3": ["d1"],
    }


def test_a_duplicate_starts_no_family_for_its_group() -> None:
    text = prose(26, 80)
    found = families([text, text, prose(27, 80)], [None, "book", "book"])
    assert found == {"d0": ["d0"], "d2": ["d2"]}


def test_only_candidates_texts_are_fetched_and_equal_texts_need_none() -> None:
    corpus = Corpus()
    texts = [prose(i, 100) for i in range(30)]
    corpus.add(documents(texts))
    again = documents([texts[3], texts[7] + " again"])
    found = corpus.add(again.with_columns(doc_id=pl.Series(["e0", "e1"])))
    assert found.duplicates["keep_doc_id"].to_list() == ["d3", "d7"]
    assert corpus.asked == ["d7"]


def test_a_missing_text_is_an_error_not_a_miss() -> None:
    corpus = Corpus()
    text = prose(28, 100)
    corpus.add(documents([text]))
    new = documents([edited(text, 0.01, 1)]).with_columns(doc_id=pl.lit("e0"))
    with pytest.raises(KeyError, match="d0: kept earlier, but its text was not found"):
        admit(new, corpus.kept, lambda ids: {}, SETTINGS)


def test_a_document_admitted_before_is_refused() -> None:
    corpus = Corpus()
    new = documents([prose(29, 50)])
    corpus.add(new)
    with pytest.raises(ValueError, match="d0: admitted before"):
        admit(new, corpus.kept, corpus.fetch, SETTINGS)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="new documents: columns bands are missing"):
        at_once(documents(["x"]).drop("bands"))


@pytest.mark.parametrize("threshold", [0.6, 0.8, 0.9])
def test_hardly_a_duplicate_shares_fewer_bands_than_are_asked_for(threshold: float) -> None:
    """The binomial's tail, summed the plain way."""
    least = bands_to_share(32, 4, threshold)
    chance = threshold**4

    def missed(bands: int) -> float:
        ways = (math.comb(32, n) * chance**n * (1 - chance) ** (32 - n) for n in range(bands))
        return sum(ways)

    assert least == 1 or missed(least) <= 1e-5
    assert missed(least + 1) > 1e-5


def test_relatives_are_wanted_or_not_and_duplicates_are_the_same() -> None:
    new = documents(planted(4))
    none = documents([]).with_columns(family=pl.lit(None, pl.String)).select(EARLIER)
    found = admit(new, none, dict, SETTINGS, relatives=False)
    assert found.duplicates.equals(at_once(new).duplicates)
    assert found.relatives["family"].to_list() == found.relatives["doc_id"].to_list()


def test_slices_and_small_stores_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    new = documents(planted(5))
    expected = at_once(new)
    monkeypatch.setattr(decisions, "SLICE", 7)
    monkeypatch.setattr(decisions, "_BLOCK", 20)
    monkeypatch.setattr(decisions, "_HELD", 500)  # shingles; a document has up to 300
    corpus = Corpus()
    corpus.add(new.head(50))
    corpus.add(new.slice(50))
    assert pl.concat(corpus.duplicates).equals(expected.duplicates)
    assert pl.concat(corpus.relatives).equals(expected.relatives)
