"""The draw: deterministic, proportional, unbiased weights, stable when shards are added."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest

from tests.audit.tiny import mixed, publish
from webscale_dagster.audit.export import AuditError, Wanted, keep_audit, load_sample, make_audit
from webscale_dagster.audit.population import population
from webscale_dagster.audit.sampling import STRATUM, allocate, draw, numbers
from webscale_dagster.lake import Lake


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("WEBSCALE_HOME", str(tmp_path))
    made = Lake(str(tmp_path / "lake"))
    publish(made, "a-00000", mixed(90))
    return made


def pairs(count: int) -> pl.DataFrame:
    return pl.DataFrame(mixed(count), infer_schema_length=None).select("qa_id", *STRATUM)


@pytest.mark.parametrize(
    ("sizes", "n"), [([1, 1, 1000], 10), ([5, 5, 5], 7), ([3, 40, 7, 950], 100), ([2, 2], 4)]
)
def test_allocation_is_proportional_with_at_least_one(sizes: list[int], n: int) -> None:
    given = allocate(sizes, n)
    assert sum(given) == n
    assert all(1 <= one <= size for one, size in zip(given, sizes, strict=True))
    fair = [Fraction(n * size, sum(sizes)) for size in sizes]
    ones = sum(share < 1 for share in fair)
    # Those below one take from the others; beyond that nobody is off by a whole pair.
    assert all(abs(one - share) < 1 + ones for one, share in zip(given, fair, strict=True))


def test_allocation_of_equal_strata_is_equal() -> None:
    assert allocate([100, 100, 100, 100], 20) == [5, 5, 5, 5]
    assert allocate([600, 300, 100], 10) == [6, 3, 1]


def test_numbers_of_kept_and_rejected_pairs() -> None:
    assert numbers(1000, 900, 278, None, 0.25) == (278, 93)  # 93 of 371 are a quarter
    assert numbers(1000, 900, 278, None, 0.0) == (278, 0)
    assert numbers(1000, 20, 278, None, 0.25) == (278, 20)
    assert numbers(1000, 900, 278, 100, 0.25) == (75, 25)
    assert numbers(1000, 10, 278, 100, 0.25) == (90, 10)  # too few rejected: kept ones instead
    assert numbers(30, 900, 278, 100, 0.25) == (30, 70)


def test_weights_sum_to_the_population_and_every_stratum_is_there() -> None:
    rows = pairs(210)
    drawn = draw(rows, 40, seed=1)
    assert drawn.height == 40 and drawn["qa_id"].n_unique() == 40
    assert drawn["weight"].sum() == pytest.approx(rows.height)
    assert drawn["stratum"].n_unique() == rows.select(STRATUM).n_unique()
    whole = draw(rows, rows.height, seed=1)
    assert set(whole["qa_id"]) == set(rows["qa_id"]) and (whole["weight"] == 1).all()


def test_more_strata_than_rows_to_draw_are_pooled_smallest_first() -> None:
    rows = pairs(210)
    drawn = draw(rows, 3, seed=1)
    assert drawn.height == 3 and drawn["weight"].sum() == pytest.approx(rows.height)
    assert "science / wiki / number" in set(drawn["stratum"])
    assert "rare strata" in set(drawn["stratum"])


def test_weighted_counts_are_unbiased() -> None:
    """Over many seeds the estimate of how many pairs are of history is the number there are."""
    rows = pairs(84)
    true = rows.filter(pl.col("qa_id").str.slice(-1).is_in(["1", "4"])).height
    estimates = []
    for seed in range(300):
        drawn = draw(rows, 24, seed)
        hits = drawn.filter(pl.col("qa_id").str.slice(-1).is_in(["1", "4"]))
        estimates.append(hits["weight"].sum())
    spread = pl.Series(estimates).std()
    assert abs(sum(estimates) / 300 - true) < 4 * spread / 300**0.5


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    rows = pairs(210)
    ids = [set(draw(rows, 40, seed)["qa_id"]) for seed in (1, 1, 2)]
    assert ids[0] == ids[1] != ids[2]
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=3)
    assert set(draw(shuffled, 40, 1)["qa_id"]) == ids[0]


def test_a_few_more_rows_change_little() -> None:
    more = pairs(210).with_columns(qa_id="x" + pl.col("qa_id")).head(20)
    before = set(draw(pairs(210), 60, 1)["qa_id"])
    after = set(draw(pl.concat([pairs(210), more]), 60, 1)["qa_id"])
    assert len(before & after) >= 50


def test_an_audit_is_the_same_every_time_and_blind(lake: Lake) -> None:
    made = [make_audit(lake, ["a-00000"], Wanted(size=40), None) for _ in range(2)]
    assert made[0] == made[1] and made[0].sample["name"].startswith("audit-")
    hidden = {"problem", "problems", "kept", "verified_by", "quote_score", "weight", "stratum"}
    assert all(not hidden & set(item) for item in made[0].items)
    kept = [item["kept"] for item in made[0].sample["items"]]
    assert kept.count(True) == 30 and kept != sorted(kept) and kept != sorted(kept, reverse=True)
    documents = [item["document"] for item in made[0].items]
    assert documents == sorted(documents)  # pairs of a document stand together
    other = make_audit(lake, ["a-00000"], Wanted(size=40, seed=3), None)
    assert other.sample["sample"] != made[0].sample["sample"]


def test_weights_of_a_whole_audit_sum_to_all_pairs(lake: Lake) -> None:
    sample = make_audit(lake, ["a-00000"], Wanted(margin=0.2), None).sample
    assert sum(item["weight"] for item in sample["items"]) == pytest.approx(120)
    assert sum(sample["strata"].values()) == sample["pairs"] == 120
    assert sample["margin"] <= 0.2


def test_only_verdicts_that_a_commit_names_are_drawn(lake: Lake) -> None:
    """A publish that was cut off between its commits leaves verdicts that nobody reads."""
    before, _ = population(lake, ["a-00000"])
    lake.commit("pair_verdicts", lake.read("pair_verdicts").collect().head(3), "a-00000")
    after, gone = population(lake, ["a-00000"])
    assert after.equals(before) and gone == 0


def test_verdicts_on_pairs_that_are_gone_are_counted(lake: Lake) -> None:
    left = lake.read("qa_pairs").filter(pl.col("qa_id") != "k0001").collect()
    lake.commit("qa_pairs", left, "a-00000")
    found, gone = population(lake, ["a-00000"])
    assert gone == 1 and found.height == 119


def test_a_score_decides_only_where_nothing_else_speaks_against_a_pair(lake: Lake) -> None:
    sample = make_audit(lake, ["a-00000"], Wanted(), None).sample
    # 90 kept pairs, 15 that leak and 15 with a quote that is like the text to 0.4.
    quotes = {row["threshold"]: row["pairs"] for row in sample["yields"]["quote_score"]}
    assert (quotes[0.0], quotes[0.25], quotes[0.5], quotes[1.0]) == (105, 105, 90, 90)
    leaks = {row["threshold"]: row["pairs"] for row in sample["yields"]["leak_score"]}
    assert (leaks[1.0], leaks[0.8], leaks[0.0]) == (105, 90, 90)


def test_a_name_is_not_taken_twice_for_another_sample(lake: Lake, tmp_path: Path) -> None:
    first = make_audit(lake, ["a-00000"], Wanted(size=10), "spring")
    for _ in range(2):
        keep_audit(lake, first, tmp_path / "out")
    assert load_sample(lake, "spring") == first.sample
    other = make_audit(lake, ["a-00000"], Wanted(size=11), "spring")
    with pytest.raises(AuditError, match="choose another --name"):
        keep_audit(lake, other, tmp_path / "out")
    with pytest.raises(AuditError, match="there are: spring"):
        load_sample(lake, "autumn")
    with pytest.raises(AuditError, match="no name for an audit"):
        make_audit(lake, ["a-00000"], Wanted(size=10), "../spring")


def test_an_empty_lake_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="webscale run"):
        make_audit(Lake(str(tmp_path / "none")), [], Wanted(), None)
