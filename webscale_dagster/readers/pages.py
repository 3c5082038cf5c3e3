"""A file that is one document: a web page, or plain text.

Reads a local .html or .txt file, plain, gzip or zstd; writes nothing.
"""

from __future__ import annotations

from webscale_dagster.readers.html import decode, extract
from webscale_dagster.readers.records import BadRecord, Job, Record, Rows
from webscale_dagster.readers.stream import StreamError, chunks
from webscale_dagster.text.normalise import normalise


def read(job: Job) -> Rows:
    """The one record of the file."""
    if not job.wants(0):
        return
    try:
        data = _whole(job)
    except StreamError as fault:
        yield BadRecord(0, fault.reason, fault.detail)
        return
    if data is None:
        limit = job.settings.max_record_bytes
        yield BadRecord(0, "record_too_large", f"more than {limit:,} bytes")
    elif not data:
        yield BadRecord(0, "empty_file", "0 bytes")
    else:
        yield _html(job, data) if job.reading.format == "html" else _text(job, data)


def count(job: Job) -> tuple[int, bool]:
    """Always one."""
    del job
    return 1, True


def _whole(job: Job) -> bytes | None:
    held, size = [], 0
    for chunk in chunks(job):
        held.append(chunk)
        size += len(chunk)
        if size > job.settings.max_record_bytes:
            return None
    return b"".join(held)


def _html(job: Job, data: bytes) -> Record | BadRecord:
    page = extract(decode(data), job.settings)
    if isinstance(page, tuple):
        return BadRecord(0, *page)
    return _document(job, page.text, page.title)


def _text(job: Job, data: bytes) -> Record | BadRecord:
    try:
        return _document(job, data.decode("utf-8-sig"), None)
    except UnicodeDecodeError as error:
        return BadRecord(0, "invalid_utf8", f"{error.reason} at byte {error.start}")


def _document(job: Job, text: str, title: str | None) -> Record | BadRecord:
    text = normalise(text)
    if not text.strip():
        return BadRecord(0, "no_text", "nothing but white space")
    return Record(
        row=0,
        record_id=None,
        url=None,
        title=" ".join((title or "").split()) or None,
        text=text,
        license=job.reading.license,
        group=None,
    )
