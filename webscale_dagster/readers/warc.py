"""Web archives (WARC, WET) to records: pages and extracted texts, nothing else.

Reads a local .warc or .wet file, plain, gzip or zstd; writes nothing. Pages are ``response`` and
``resource`` records of HTML with a status of 200 to 299, texts are ``conversion`` records;
requests, metadata, images and redirects are passed over and only counted. Rows count pages and
texts.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from webscale_dagster.readers.html import decode, extract
from webscale_dagster.readers.records import BadRecord, Job, Record, Rows, label
from webscale_dagster.readers.stream import StreamError, chunks
from webscale_dagster.text.normalise import normalise

HTML_TYPES = ("text/html", "application/xhtml+xml")
LINE_BYTES = 1 << 16  # of a header line
HEADER_LINES = 256
HEAD_BYTES = 1 << 16  # read of a record that is too large, to see whether it is a page


@dataclass(frozen=True)
class Found:
    """A page or text in the archive, or the reason why it cannot be read."""

    record: Any = None  # warcio's
    reason: str = ""
    detail: str = ""


def read(job: Job) -> Rows:
    """The pages and texts of a web archive."""
    row = 0
    for found in _documents(job):
        if job.past(row):
            return
        if job.wants(row):
            yield _record(job, row, found)
        row += 1
    if row == 0 and job.row_from == 0:
        seen = ", ".join(f"{n} {kind}" for kind, n in sorted(job.passed_over.items()))
        empty = job.path.stat().st_size == 0
        yield BadRecord(0, "empty_file" if empty else "no_documents", seen or "no records")


def count(job: Job) -> tuple[int, bool]:
    """Number of pages and texts, and whether they are all."""
    n_rows = 0
    for found in _documents(job):
        if found.reason in ("truncated", "corrupt", "decompression_limit"):
            return n_rows, False
        n_rows += 1
    return n_rows, True


def _documents(job: Job) -> Iterator[Found]:
    stream = io.BufferedReader(_Unpacked(chunks(job)), buffer_size=1 << 17)
    try:
        yield from _records(job, stream)
    except StreamError as fault:
        yield Found(reason=fault.reason, detail=fault.detail)


def _records(job: Job, stream: BinaryIO) -> Iterator[Found]:
    """Records one after another; after junk, from the next line that starts a record."""
    in_junk = False
    while line := stream.readline(LINE_BYTES):
        if line.startswith(b"WARC/"):
            in_junk = False
            found = _next(job, stream, line)
            if found is not None:
                yield found
        elif line.strip() and not in_junk:
            in_junk = True
            yield Found(reason="bad_record", detail=f"no record starts here: {line[:80]!r}")


def _next(job: Job, stream: BinaryIO, first: bytes) -> Found | None:
    """The record that starts with a line already read; None where it is no document."""
    head, kind, length = _header(stream, first)
    if length is None:
        return Found(reason="bad_record", detail=f"a {kind or 'WARC'} record without a length")
    if kind not in ("response", "resource", "conversion"):
        job.passed_over[kind or "unnamed"] += 1
        _skip(stream, length)
        return None
    limit = job.settings.max_record_bytes
    body = stream.read(length if length <= limit else HEAD_BYTES)
    try:
        record = _parse(head + body)
        is_document = _is_document(record)
    except Exception as error:  # warcio raises what it happens to trip over
        _skip(stream, length - len(body))
        return Found(reason="bad_record", detail=f"{kind}: {type(error).__name__}: {error}")
    _skip(stream, length - len(body))
    if not is_document:
        job.passed_over[f"{kind} that is no page"] += 1
        return None
    if length > limit:
        return Found(reason="record_too_large", detail=f"{length:,} bytes, over {limit:,}")
    return Found(record)


def _header(stream: BinaryIO, first: bytes) -> tuple[bytes, str, int | None]:
    """The header's bytes, the record's type and the length of its body."""
    lines, kind, length = [first], "", None
    while len(lines) < HEADER_LINES:
        line = stream.readline(LINE_BYTES)
        lines.append(line)
        if not line.strip():
            break
        name, _, value = line.decode("latin-1").partition(":")
        if name.strip().lower() == "warc-type":
            kind = value.strip().lower()
        elif name.strip().lower() == "content-length" and value.strip().isdecimal():
            length = int(value)
    return b"".join(lines), kind, length


def _skip(stream: BinaryIO, n_bytes: int) -> None:
    while n_bytes > 0:
        data = stream.read(min(n_bytes, 1 << 16))
        if not data:
            raise StreamError("truncated", f"the file ends {n_bytes:,} bytes before the record")
        n_bytes -= len(data)


def _parse(data: bytes) -> Any:
    from warcio.recordloader import ArcWarcRecordLoader

    return ArcWarcRecordLoader().parse_record_stream(io.BytesIO(data), known_format="warc")


def _is_document(record: Any) -> bool:
    if record.rec_type == "conversion":
        return True
    status = record.http_headers.get_statuscode() if record.http_headers else "200"
    return status.startswith("2") and _content_type(record).lower().startswith(HTML_TYPES)


def _content_type(record: Any) -> str:
    headers = record.http_headers or record.rec_headers
    return str(headers.get_header("Content-Type") or "")


def _record(job: Job, row: int, found: Found) -> Record | BadRecord:
    if found.record is None:
        return BadRecord(row, found.reason, found.detail)
    body = _body(found.record, job.settings.max_record_bytes)
    if isinstance(body, tuple):
        return BadRecord(row, *body)
    text, title = decode(body, _content_type(found.record)), None
    if found.record.rec_type != "conversion":
        page = extract(text, job.settings)
        if isinstance(page, tuple):
            return BadRecord(row, *page)
        text, title = page.text, page.title
    text = normalise(text)
    if not text.strip():
        return BadRecord(row, "no_text", "the record is empty")
    headers = found.record.rec_headers
    url = label(headers.get_header("WARC-Target-URI"))
    return Record(
        row=row,
        record_id=label(headers.get_header("WARC-Record-ID")),
        url=url,
        title=label(title),
        text=text,
        license=job.reading.license,
        group=_host(url),
    )


def _body(record: Any, limit: int) -> bytes | tuple[str, str]:
    """The page's bytes, unpacked as its HTTP headers say."""
    stream, size = record.content_stream(), 0
    held: list[bytes] = []
    while size <= limit:
        try:
            data = stream.read(1 << 16)
        except Exception as error:  # as above
            return "bad_record", f"{type(error).__name__}: {error}"
        if not data:
            return _unpacked(record, b"".join(held))
        held.append(data)
        size += len(data)
    return "record_too_large", f"unpacks to more than {limit:,} bytes"


def _unpacked(record: Any, body: bytes) -> bytes | tuple[str, str]:
    """The body, unless it is packed in a way that warcio does not know."""
    coding = record.http_headers.get_header("Content-Encoding") if record.http_headers else None
    is_known = (coding or "").lower() in ("", "identity", "none", "gzip", "deflate")
    # Some crawlers unpack the body and keep the header.
    if is_known or body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return body
    return "bad_record", f"Content-Encoding {coding} is not supported"


def _host(url: str | None) -> str | None:
    try:
        return urlsplit(url).hostname if url else None
    except ValueError:
        return None


class _Unpacked(io.RawIOBase):
    """A stream of chunks as a file, so that lines and bodies can be read from it."""

    def __init__(self, stream: Iterator[bytes]) -> None:
        super().__init__()
        self._stream, self._held = stream, b""

    def readable(self) -> bool:
        """True: it is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with the next bytes."""
        while not self._held:
            chunk = next(self._stream, None)
            if chunk is None:
                return 0
            self._held = chunk
        view = memoryview(buffer)
        n_bytes = min(len(view), len(self._held))
        view[:n_bytes] = self._held[:n_bytes]
        self._held = self._held[n_bytes:]
        return n_bytes
