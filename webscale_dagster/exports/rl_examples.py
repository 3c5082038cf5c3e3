"""A release's RL examples as trainers get them: with their questions, each sure of its verifier.

Reads rl_splits and decontaminated_set at the versions that a release pins; writes nothing. An
example of an unknown answer type, or whose verifier does not accept its own ground truth, would
only ever be paid 0 in training: it is an ``ExportError`` that names the example.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib import resources
from typing import Any

import jinja2
import orjson
import polars as pl

from webscale_dagster.exports.pinned import Pinned
from webscale_dagster.verifiers import _TYPES
from webscale_dagster.verifiers.self_check import Example, own_truth_problems

MESSAGES = pl.List(pl.Struct({"role": pl.String, "content": pl.String}))
_SHOWN = 3  # problems in a message


class ExportError(ValueError):
    """A release that cannot be exported; the message names an example and what is wrong with it."""


def examples(release: Pinned, splits: Sequence[str]) -> pl.DataFrame:
    """The examples of these splits and their questions, prompts as chat messages."""
    asked = release.table("decontaminated_set").select("shard", "qa_id", "question")
    rows = release.table("rl_splits").filter(pl.col("split").is_in(splits))
    found = rows.join(asked, on=["shard", "qa_id"], how="left", maintain_order="left").collect()
    if found.is_empty():
        raise ExportError(f"{release.name}: no examples in the splits {', '.join(splits)}")
    check_verifiers(found)
    return found.with_columns(pl.col("prompt").str.json_decode(MESSAGES))


def check_verifiers(rows: pl.DataFrame) -> None:
    """Raise ``ExportError`` unless a known verifier accepts every example's own ground truth."""
    unknown = rows.filter(~pl.col("answer_type").is_in(list(_TYPES)))
    if not unknown.is_empty():
        first = unknown.row(0, named=True)
        raise ExportError(
            f"example {first['example_id']}: no verifier is named {first['answer_type']!r}; "
            f"known: {', '.join(_TYPES)}"
        )
    try:
        found = own_truth_problems([example_of(row) for row in rows.iter_rows(named=True)])
    except RuntimeError as error:
        raise ExportError(f"examples cannot be checked on this host: {error}") from error
    if found:
        told = "; ".join(f"{one.id}: {one.reason}, {one.detail}" for one in found[:_SHOWN])
        raise ExportError(
            f"{len(found)} of {rows.height} examples would never be paid for a right answer: {told}"
        )


def example_of(row: dict[str, Any]) -> Example:
    """A row as the self-check sees it."""
    options = orjson.loads(row["verifier_options"])
    kind, truth = row["answer_type"], row["ground_truth"]
    return Example(row["example_id"], kind, truth, options, row["question"] or "")


def readme(name: str, **variables: Any) -> str:
    """The text of ``<name>.md`` beside this file, filled in."""
    return _templates().from_string(_text(name)).render(**variables)


def _text(name: str) -> str:
    return (resources.files("webscale_dagster") / "exports" / f"{name}.md").read_text("utf-8")


@functools.cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
