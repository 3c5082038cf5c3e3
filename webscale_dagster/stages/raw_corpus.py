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
from webscale_dagster.text.near_duplicates import signatures
from webscale_dagster.text.normalise import normalise, text_hash, words


def run(frames: Frames, context: Context) -> Result:
    """One document per readable record; every other record is a reject."""
    bad = [
        (f"{context.shard}#{row}", str(row), reason, detail)
        for row, reason, detail in frames["bad_records"].select("row", "reason", "detail").rows()
    ]
    documents = []
    records = frames["records"]
    seen: set[str] = set()
    for done, record in enumerate(records.iter_rows(named=True)):
        document = _document(record, context.shard)
        row = str(record["row"])
        if document is None:
            bad.append((f"{context.shard}#{row}", row, "no_text", "nothing but white space"))
        elif document["doc_id"] in seen:
            bad.append((f"{context.shard}#{row}", row, "duplicate_id", str(document["doc_id"])))
        else:
            seen.add(str(document["doc_id"]))
            documents.append(document)
        if done % 500 == 0:
            context.progress(done, records.height)
    kept = pl.DataFrame(documents, schema=TABLES["raw_corpus"].schema)
    rejects = rejects_frame("raw_corpus", context.shard, bad)
    return Result(kept, rejects, {"signatures": _signatures(kept, context)})


def _document(record: dict[str, object], shard: str) -> dict[str, object] | None:
    text = normalise(str(record["text"]))
    n_words = len(words(text))
    if n_words == 0:
        return None
    source = str(record["source"])
    own = record["record_id"] or record["url"] or f"{record['uri']}#{record['row']}"
    return {
        "doc_id": content_hash(source, str(own), text),
        "shard": shard,
        "row": record["row"],
        "source": source,
        "record_id": record["record_id"],
        "url": record["url"],
        "title": normalise(str(record["title"])) if record["title"] else None,
        "text": text,
        "text_hash": text_hash(text),
        "lang": detect_language(text)[0],
        "license": record["license"],
        "group": record["group"],
        "n_words": n_words,
    }


def _signatures(kept: pl.DataFrame, context: Context) -> pl.DataFrame:
    settings = context.recipe.near_duplicates
    bands, n_shingles = signatures(
        kept["text"].to_list(),
        shingle_words=settings.shingle_words,
        permutations=settings.permutations,
        bands=settings.bands,
        rows=settings.rows,
    )
    columns = ["doc_id", "shard", "row", "text_hash", "group"]
    return kept.select(columns).with_columns(
        pl.Series("n_shingles", n_shingles, dtype=pl.Int64),
        pl.Series("bands", bands, dtype=pl.List(pl.Int64)),
    )


STAGE = Stage(
    name="raw_corpus",
    reads=(),
    run=run,
    version=1,
    settings=("raw_corpus", "near_duplicates"),
    parent="records",
    beside=("signatures",),
)
