"""JSON Lines to records, line by line: one broken line costs one record.

Reads a local .jsonl file, plain, gzip or zstd; writes nothing. Blank lines are no records.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from webscale_dagster.readers.records import BadRecord, Job, Rows, SourceError, build_record, lookup
from webscale_dagster.readers.stream import StreamError, chunks

BOM = b"\xef\xbb\xbf"
FIRST_ROWS = 20  # looked at when a file is registered


def read(job: Job) -> Rows:
    """The records of a JSON Lines file."""
    row = 0
    try:
        for line in lines(chunks(job), job.settings.max_record_bytes):
            if job.past(row):
                return
            if job.wants(row):
                yield _record(job, row, line)
            row += 1
    except StreamError as fault:
        # The line that was being read is lost with the rest: one bad record stands for them.
        if job.wants(row):
            yield BadRecord(row, fault.reason, fault.detail)
        return
    if row == 0 and job.row_from == 0:
        yield BadRecord(0, "empty_file", "no line in the file")


def count(job: Job) -> tuple[int, bool]:
    """Number of records, and whether they are all: a file may not be readable to its end."""
    n_rows, is_all = 0, True
    first: list[bytes | int] = []
    try:
        for line in lines(chunks(job), job.settings.max_record_bytes):
            n_rows += 1
            if len(first) < FIRST_ROWS:
                first.append(line)
    except StreamError:
        is_all = False
    _check_fields(job, first)
    return n_rows, is_all


def _check_fields(job: Job, first: list[bytes | int]) -> None:
    """Refuse a file whose first records all lack the field that is to hold the text."""
    known: dict[str, None] = {}
    for line in first:
        try:
            value = parse(line.removeprefix(BOM)) if isinstance(line, bytes) else None
        except ValueError:
            continue
        if isinstance(value, dict):
            names = (job.reading.text_field, job.reading.html_field)
            if any(lookup(value, name) is not None for name in names):
                return
            known |= dict.fromkeys(value)
    if known:
        raise SourceError(
            f"{job.uri}: no field {job.reading.text_field!r} in its first {len(first)} records;"
            f" their fields: {', '.join(list(known)[:20])}; set text_field to the one that holds"
            " the text"
        )


def lines(stream: Iterator[bytes], max_bytes: int) -> Iterator[bytes | int]:
    r"""Lines that are not blank, without ``\n``; the length of a line over ``max_bytes``."""
    held: list[bytes] = []
    size, blank = 0, True  # of the line that is being read
    for chunk in stream:
        first, *rest = chunk.split(b"\n")
        for index, piece in enumerate((first, *rest)):
            if index:  # a line ended before this piece
                if not blank:
                    yield b"".join(held) if size <= max_bytes else size
                held, size, blank = [], 0, True
            size += len(piece)
            blank = blank and not piece.strip()
            if size <= max_bytes:
                held.append(piece)
            else:
                held.clear()  # only its length is kept from here on
    if not blank:
        yield b"".join(held) if size <= max_bytes else size


def parse(line: bytes) -> Any:
    """A line's JSON value. Raises UnicodeDecodeError for bad UTF-8, else ValueError."""
    import orjson

    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        # orjson refuses NaN and lone surrogates, which other writers do produce.
        try:
            return json.loads(line.decode("utf-8"))
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _record(job: Job, row: int, line: bytes | int) -> Any:
    if isinstance(line, int):
        limit = job.settings.max_record_bytes
        return BadRecord(row, "record_too_large", f"{line:,} bytes, over {limit:,}")
    try:
        value = parse(line.removeprefix(BOM) if row == 0 else line)
    except UnicodeDecodeError as error:
        return BadRecord(row, "invalid_utf8", f"{error.reason} at byte {error.start} of the line")
    except ValueError as error:
        return BadRecord(row, "not_json", str(error))
    if not isinstance(value, dict):
        return BadRecord(row, "not_an_object", f"{type(value).__name__}: {line[:80]!r}")
    return build_record(job, row, value)
