"""What a check is, and the checks every table shares. Makes values; reads and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from webscale_dagster.tables import TABLES
from webscale_dagster.text.normalise import says


@dataclass(frozen=True)
class Check:
    """A rule about rows: ``bad`` is true for an offending row, ``max_share`` of them may pass."""

    name: str
    meaning: str
    bad: pl.Expr
    max_share: float = 0.0


def common_checks(table: str) -> tuple[Check, ...]:
    """Keys are present and unique, and identify a row."""
    key = TABLES[table].key
    return (
        Check(
            "key_present",
            f"every row has its key ({', '.join(key)})",
            pl.any_horizontal([pl.col(column).is_null() for column in key]),
        ),
        Check("key_unique", "no key occurs twice", pl.struct(key).is_duplicated()),
    )


def not_blank(column: str) -> pl.Expr:
    """True where a text column is null or only white space."""
    return pl.col(column).is_null() | (pl.col(column).str.strip_chars() == "")


def not_json_object(column: str) -> pl.Expr:
    """True where a column does not hold a JSON object."""
    return ~pl.col(column).fill_null("").str.contains(r"^\{(?s:.*)\}$")


def question_says_answer() -> pl.Expr:
    """True where the answer's words stand in the question, one after the other."""
    pair = pl.struct("question", "answer")
    return pair.map_elements(
        lambda row: says(row["question"] or "", row["answer"] or ""), return_dtype=pl.Boolean
    )
