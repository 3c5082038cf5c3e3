"""Draws a stratified sample: seeded, proportional, every row with its weight.

Makes a frame from a frame; reads and writes nothing. Rows are ordered by a hash of seed and id, so
the same rows and seed give the same sample, and further shards push few rows out of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from webscale_dagster.recipe import content_hash

STRATUM = ("domain", "source", "answer_type")
_RARE = "rare strata"


def numbers(
    kept: int, rejected: int, wanted: int, size: int | None, rejected_share: float
) -> tuple[int, int]:
    """How many kept and rejected pairs to draw of so many.

    ``size`` is a number for both together; without one, ``wanted`` kept pairs are drawn and
    rejected ones on top, so many that they are ``rejected_share`` of the sample.
    """
    if size is None:
        top_up = round(wanted * rejected_share / (1 - rejected_share))
        return min(wanted, kept), min(top_up, rejected)
    n_rejected = min(round(size * rejected_share), rejected)
    n_kept = min(size - n_rejected, kept)
    return n_kept, min(size - n_kept, rejected)


def allocate(sizes: Sequence[int], n: int) -> list[int]:
    """Share ``n`` out in proportion to sizes, at least one to each, by largest remainders.

    Needs ``len(sizes) <= n <= sum(sizes)``; then nobody gets more than its size.
    """
    small: set[int] = set()
    while True:
        rest = [place for place in range(len(sizes)) if place not in small]
        left, total = n - len(small), sum(sizes[place] for place in rest)
        below = {place for place in rest if left * sizes[place] < total}
        if not below:
            break
        small |= below
    given = [1 if place in small else left * sizes[place] // total for place in range(len(sizes))]
    by_remainder = sorted(rest, key=lambda place: (-(left * sizes[place] % total), place))
    for place in by_remainder[: n - sum(given)]:
        given[place] += 1
    return given


def draw(rows: pl.DataFrame, n: int, seed: int) -> pl.DataFrame:
    """``n`` rows with their ``stratum``, its size ``stratum_pairs``, and their ``weight``.

    A weight is how many rows of the stratum one drawn row stands for: they sum to all rows. Where
    there are more strata than ``n``, those too small for a row of their own are drawn as one.
    """
    if n == 0:
        return rows.clear().with_columns(
            stratum=pl.lit(""), stratum_pairs=pl.lit(0, pl.Int64), weight=pl.lit(0.0)
        )
    order = [content_hash(str(seed), qa_id) for qa_id in rows["qa_id"]]
    strata = rows.with_columns(
        stratum=pl.concat_str(*STRATUM, separator=" / "), order=pl.Series(order, dtype=pl.String)
    )
    if strata["stratum"].n_unique() > n:
        share = pl.len().over("stratum") * n
        rare = pl.when(share < rows.height).then(pl.lit(_RARE)).otherwise(pl.col("stratum"))
        strata = strata.with_columns(rare.alias("stratum"))
    counts = strata.group_by("stratum").agg(pl.len().cast(pl.Int64).alias("stratum_pairs"))
    counts = counts.sort("stratum")
    given = pl.Series("given", allocate(counts["stratum_pairs"].to_list(), n))
    drawn = strata.sort("order").join(counts.with_columns(given), on="stratum")
    drawn = drawn.sort("order").filter(pl.int_range(pl.len()).over("stratum") < pl.col("given"))
    weight = pl.col("stratum_pairs") / pl.col("given")
    return drawn.with_columns(weight=weight).drop("order", "given")
