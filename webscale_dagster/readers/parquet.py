"""Parquet to records, row group by row group, only the columns that are asked for.

Reads a local .parquet file; writes nothing. A row group that cannot be decoded costs its own
rows, each as a bad record; the next one is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from webscale_dagster.readers.records import (
    BadRecord,
    Job,
    Rows,
    SourceError,
    build_record,
    lookup,
)

if TYPE_CHECKING:
    import pyarrow.parquet as pq

BATCH_ROWS = 256


def read(job: Job) -> Rows:
    """The records of a Parquet file."""
    if job.path.stat().st_size == 0:
        yield BadRecord(0, "empty_file", "0 bytes")
        return
    opened = _open(job)
    if isinstance(opened, BadRecord):
        yield opened
        return
    start, total = 0, opened.metadata.num_rows
    if total == 0:
        yield BadRecord(0, "empty_file", "0 rows")
    for index in range(opened.num_row_groups):
        stop = start + opened.metadata.row_group(index).num_rows
        if stop > job.row_from and not job.past(start):
            yield from _row_group(job, opened, index, range(start, stop))
        start = stop
        job.progress(min(start, total), total)


def count(job: Job) -> tuple[int, bool]:
    """Number of rows by the file's own metadata, and whether it could be read."""
    if job.path.stat().st_size == 0:
        return 0, True
    opened = _open(job)
    return (0, False) if isinstance(opened, BadRecord) else (int(opened.metadata.num_rows), True)


def _open(job: Job) -> pq.ParquetFile | BadRecord:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        opened = pq.ParquetFile(job.path, page_checksum_verification=True, memory_map=False)
    except (pa.ArrowException, OSError) as error:
        return BadRecord(0, "corrupt", f"not readable as Parquet: {error}")
    limit = job.settings.max_file_bytes
    groups = range(opened.num_row_groups)
    unpacked = sum(opened.metadata.row_group(index).total_byte_size for index in groups)
    if unpacked > limit:
        return BadRecord(
            0, "decompression_limit", f"{unpacked:,} bytes, over max_file_bytes = {limit:,}"
        )
    if not _columns(job, opened):
        known = ", ".join(opened.schema_arrow.names)
        raise SourceError(
            f"{job.uri}: no column {job.reading.text_field!r}; "
            f"its columns: {known}; set text_field to the one that holds the text"
        )
    return opened


def _columns(job: Job, opened: pq.ParquetFile) -> list[str]:
    """Columns to read; none where the text is not among them."""
    known = set(opened.schema_arrow.names)
    wanted = {_column(name, known) for name in job.reading.fields() if name} & known
    texts = {_column(n, known) for n in (job.reading.text_field, job.reading.html_field) if n}
    return sorted(wanted) if texts & wanted else []


def _column(name: str, known: set[str]) -> str:
    return name if name in known else name.split(".")[0]


def _row_group(job: Job, opened: pq.ParquetFile, index: int, rows: range) -> Rows:
    import pyarrow as pa

    row = rows.start
    try:
        columns = _columns(job, opened)
        for batch in opened.iter_batches(BATCH_ROWS, row_groups=[index], columns=columns):
            for offset in range(batch.num_rows):
                if job.past(row):
                    return
                if job.wants(row):
                    yield _record(job, row, batch, offset)
                row += 1
    except (pa.ArrowException, OSError) as error:
        detail = f"row group {index}: {error}"
        yield from (BadRecord(n, "corrupt", detail) for n in range(row, rows.stop) if job.wants(n))


def _record(job: Job, row: int, batch: Any, offset: int) -> Any:
    try:
        fields = {name: batch.column(name)[offset].as_py() for name in batch.schema.names}
    except UnicodeDecodeError as error:
        return BadRecord(row, "invalid_utf8", str(error))
    text = lookup(fields, job.reading.text_field)
    limit = job.settings.max_record_bytes
    if isinstance(text, str) and len(text) > limit:
        return BadRecord(row, "record_too_large", f"{len(text):,} characters, over {limit:,}")
    return build_record(job, row, fields)
