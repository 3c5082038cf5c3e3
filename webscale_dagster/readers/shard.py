"""A registered shard to records: the file is checked against its registration, then read.

Reads a row of table ``shards`` and its file; writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from webscale_dagster.readers import jsonl, pages, parquet, warc
from webscale_dagster.readers.records import (
    BadRecord,
    Job,
    Reading,
    Rows,
    SourceError,
    no_progress,
)
from webscale_dagster.readers.storage import LocalFile, local_copy
from webscale_dagster.recipe import RawCorpus


@dataclass(frozen=True)
class Reader:
    """How a format is read, how its records are counted, and the names its files have."""

    read: Callable[[Job], Rows]
    count: Callable[[Job], tuple[int, bool]]
    suffixes: tuple[str, ...]


def _packed(*names: str) -> tuple[str, ...]:
    return tuple(name + packing for name in names for packing in ("", ".zst", ".gz"))


READERS = {
    "jsonl": Reader(jsonl.read, jsonl.count, _packed(".jsonl", ".ndjson", ".json")),
    "parquet": Reader(parquet.read, parquet.count, (".parquet",)),
    "warc": Reader(warc.read, warc.count, _packed(".warc")),
    "wet": Reader(warc.read, warc.count, _packed(".wet")),
    "html": Reader(pages.read, pages.count, _packed(".html", ".htm")),
    "text": Reader(pages.read, pages.count, _packed(".txt")),
}
SUFFIXES = tuple(suffix for reader in READERS.values() for suffix in reader.suffixes)


def format_of(uri: str) -> str:
    """The format a file's name says it has."""
    for name, reader in READERS.items():
        if uri.lower().endswith(reader.suffixes):
            return name
    raise SourceError(
        f"{uri}: unknown format; set format, or let its name end in {', '.join(SUFFIXES)}"
    )


def read_shard(
    shard: Mapping[str, Any],
    settings: RawCorpus,
    progress: Callable[[int, int], None] = no_progress,
    passed_over: Counter[str] | None = None,
) -> Rows:
    """Every record of a shard, once. ``passed_over`` counts archive records that are no pages."""
    if shard["row_to"] is not None and shard["row_to"] <= (shard["row_from"] or 0):
        return  # a file that shrank left this shard empty
    reading = Reading.model_validate_json(shard["options"])
    with local_copy(shard["uri"]) as file:
        _verify(shard, file)
        before = _stamp(file)
        job = Job(
            file.path,
            shard["uri"],
            reading,
            settings,
            row_from=shard["row_from"] or 0,
            row_to=shard["row_to"],
            progress=progress,
            passed_over=Counter() if passed_over is None else passed_over,
        )
        yield from _once(READERS[reading.format].read(job))
        if _stamp(file) != before:
            raise SourceError(f"{shard['uri']}: changed while it was read; run the shard again")


def count_rows(
    file: LocalFile, uri: str, reading: Reading, settings: RawCorpus
) -> tuple[int, bool]:
    """Number of records in a file, and whether they are all: it may be broken further on."""
    return READERS[reading.format].count(Job(file.path, uri, reading, settings))


def _verify(shard: Mapping[str, Any], file: LocalFile) -> None:
    if (file.sha256, file.size) != (shard["sha256"], shard["size"]):
        raise SourceError(
            f"{shard['uri']}: changed since it was registered as shard {shard['shard']}"
            f" (sha256 {shard['sha256'][:12]}…, now {file.sha256[:12]}…): restore it,"
            f" or run `webscale ingest --update` with its source"
        )


def _stamp(file: LocalFile) -> tuple[int, int] | None:
    try:
        stat = file.path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def _once(rows: Rows) -> Iterator[Any]:
    """Records as they come; one that repeats an earlier one's id becomes a bad record."""
    seen: dict[tuple[str, str], int] = {}
    for record in rows:
        if not isinstance(record, BadRecord):
            key = ("id", record.record_id or "") if record.record_id else ("url", record.url or "")
            first = seen.setdefault(key, record.row) if key[1] else record.row
            if first != record.row:
                kind, value = key
                yield BadRecord(record.row, "duplicate_id", f"{kind} {value} is row {first}'s too")
                continue
        yield record
