"""The pass rates of pairs as a Markdown table: how many of each band, by closed-book rate.

Makes text from rows of difficulty; reads and writes nothing.
"""

from __future__ import annotations

import polars as pl

from webscale_dagster.recipe import BANDS

_CLOSED = pl.col("closed_book_rate")
_BINS = {
    "0": _CLOSED == 0,
    "to ¼": (_CLOSED > 0) & (_CLOSED <= 0.25),
    "to ½": (_CLOSED > 0.25) & (_CLOSED <= 0.5),
    "to ¾": (_CLOSED > 0.5) & (_CLOSED <= 0.75),
    "below 1": (_CLOSED > 0.75) & (_CLOSED < 1),
    "1": _CLOSED == 1,
}


def histogram(rows: pl.DataFrame) -> str:
    """A line for each band, and for pairs of unknown band; a sentence where no policy was asked."""
    if rows["samples"].max() in (None, 0):
        return "No policy was asked: `samples` is 0 in the recipe's `[difficulty]`."
    counted = rows.group_by(pl.col("band").fill_null("unknown")).agg(
        pl.len().alias("pairs"),
        *(bin_.sum().alias(name) for name, bin_ in _BINS.items()),
        pl.col("open_book_rate").mean().alias("open"),
    )
    by_band = {row["band"]: row for row in counted.to_dicts()}
    lines = [_line(name, by_band[name]) for name in (*BANDS, "unknown") if name in by_band]
    head = f"| band | pairs | closed book {' | '.join(_BINS)} | open book, mean |"
    return "\n".join([head, "|---" * (len(_BINS) + 3) + "|", *lines])


def _line(name: str, row: dict[str, int | float | None]) -> str:
    mean = "—" if row["open"] is None else f"{row['open']:.2f}"
    return f"| {name} | {row['pairs']:,} | {' | '.join(f'{row[b]:,}' for b in _BINS)} | {mean} |"
