"""Records to documents: normalise, identify, detect the language, sign for near-duplicates.

Reads ``records`` (what a reader found: row, record_id, url, title, text, license, group, source,
uri) and ``bad_records`` (row, reason, detail).
Writes raw_corpus (a document), beside it signatures, and rejects (a record).
"""

from __future__ import annotations

import polars as pl

from webscale_dagster.recipe import content_hash
from webscale_dagster.stages.protocol import Context, Frames, Result, Stage, rejects_frame
from webscale_dagster.tables import TABLES
from webscale_dagster.text.language import detect_language
from webscale_dagster.text.normalise import normalise_all, text_hash

_BLOCK = 2_000  # records whose words are held at a time
Bad = list[tuple[str, str, str, str]]


def run(frames: Frames, context: Context) -> Result:
    """One document per readable record; every other record is a reject."""
    bad: Bad = [
        (f"{context.shard}#{row}", str(row), reason, detail)
        for row, reason, detail in frames["bad_records"].select("row", "reason", "detail").rows()
    ]
    records = frames["records"]
    documents, signatures = TABLES["raw_corpus"].empty(), TABLES["signatures"].empty()
    seen: set[str] = set()
    for done in range(0, records.height, _BLOCK):
        context.progress(done, records.height)
        found, signed = _documents(records.slice(done, _BLOCK), context, bad, seen)
        documents, signatures = documents.vstack(found), signatures.vstack(signed)
    rejects = rejects_frame("raw_corpus", context.shard, bad)
    return Result(documents.rechunk(), rejects, {"signatures": signatures.rechunk()})


def _documents(
    records: pl.DataFrame, context: Context, bad: Bad, seen: set[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Documents of some records with their signatures; what is none is added to ``bad``."""
    from webscale_dagster.text.kernels.tokens import count_words, prepare
    from webscale_dagster.text.shingles import band_column, signatures

    text = normalise_all(records["text"])
    prepared = prepare(text)
    bands, n_shingles = signatures(prepared, context.recipe.near_duplicates)
    made = records.with_columns(
        text=text,
        title=normalise_all(records["title"].replace("", None)),
        shard=pl.lit(context.shard),
        doc_id=pl.Series(_ids(records, text), dtype=pl.String),
        text_hash=pl.Series([text_hash(t) for t in text], dtype=pl.String),
        n_words=pl.Series(count_words(prepared), dtype=pl.Int64),
        n_shingles=pl.Series(n_shingles, dtype=pl.Int64),
        bands=band_column(bands, n_shingles),
    )
    made = made.filter(pl.Series(_good(made, context.shard, bad, seen), dtype=pl.Boolean))
    languages = pl.Series([detect_language(t)[0] for t in made["text"]], dtype=pl.String)
    made = made.with_columns(lang=languages)
    return _as("raw_corpus", made), _as("signatures", made)


def _as(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    schema = TABLES[table].schema
    return rows.select(schema.names()).cast(schema)


def _ids(records: pl.DataFrame, text: pl.Series) -> list[str]:
    named = records.select("source", "record_id", "url", "uri", "row").iter_rows()
    return [
        content_hash(source, str(record_id or url or f"{uri}#{row}"), own)
        for (source, record_id, url, uri, row), own in zip(named, text, strict=True)
    ]


def _good(documents: pl.DataFrame, shard: str, bad: Bad, seen: set[str]) -> list[bool]:
    """Which documents have words and an id that no other has."""
    good = []
    for row, doc_id, n_words in documents.select("row", "doc_id", "n_words").iter_rows():
        good.append(n_words > 0 and doc_id not in seen)
        if n_words == 0:
            bad.append((f"{shard}#{row}", str(row), "no_text", "nothing but white space"))
        elif doc_id in seen:
            bad.append((f"{shard}#{row}", str(row), "duplicate_id", doc_id))
        else:
            seen.add(doc_id)
    return good


STAGE = Stage(
    name="raw_corpus",
    reads=(),
    run=run,
    version=2,
    settings=("raw_corpus", "near_duplicates"),
    parent="records",
    beside=("signatures",),
)
