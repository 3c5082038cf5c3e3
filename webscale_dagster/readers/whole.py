"""Whole plain files to objects: what is broken is refused, never skipped.

Reads a .jsonl(.zst, .gz) or .parquet file; writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from webscale_dagster.readers import jsonl
from webscale_dagster.readers.records import Job, Reading, SourceError
from webscale_dagster.readers.stream import StreamError, chunks
from webscale_dagster.recipe import RawCorpus


def read_objects(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each record of a file with its number, from 1."""
    if path.name.endswith(".parquet"):
        yield from enumerate(_parquet(path), 1)
        return
    settings = RawCorpus()
    job = Job(path, str(path), Reading(format="jsonl"), settings)
    number = 0
    try:
        for number, line in enumerate(jsonl.lines(chunks(job), settings.max_record_bytes), 1):
            value = jsonl.parse(line) if isinstance(line, bytes) else None
            if not isinstance(value, dict):
                raise SourceError(f"{path}: record {number} is not a JSON object; repair the file")
            yield number, value
    except StreamError as fault:
        raise SourceError(f"{path}: {fault.detail}; fetch the file again") from None
    except UnicodeDecodeError as error:
        where = f"{path}, record {number}"
        raise SourceError(f"{where} is not UTF-8: {error}; repair the file") from None
    except json.JSONDecodeError as error:
        where = f"{path}, record {number}"
        raise SourceError(f"{where} is not JSON: {error}; repair the file") from None


def _parquet(path: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{path}: not readable as Parquet: {error}; fetch it again") from None
    return rows
