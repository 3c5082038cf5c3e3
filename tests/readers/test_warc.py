from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

from webscale_dagster.readers import BadRecord, read_shard
from webscale_dagster.recipe import RawCorpus
from webscale_dagster.sources import Source, plan_shards
from webscale_dagster.tables import TABLES

ARTICLE = "".join(f"<p>Paragraph {n} tells the reader one more thing.</p>" for n in range(12))
PAGE = f"<html><head><title>A page</title></head><body><article>{ARTICLE}</article></body></html>"


class Archive:
    """Writes archives as crawlers do: a gzip member per record."""

    def __init__(self, packed: bool = True) -> None:
        self.data, self.packed, self.n = b"", packed, 0

    def add(
        self,
        kind: str,
        url: str,
        body: bytes,
        headers: dict[str, str] | None = None,
        status: str = "200 OK",
    ) -> Archive:
        self.n += 1
        content_type = (headers or {}).get("Content-Type", "text/plain")
        if kind == "response":
            fields = {"Content-Type": "text/html", **(headers or {})}
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            body = f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body
            content_type = "application/http; msgtype=response"
        head = (
            f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{self.n}>\r\n"
            f"WARC-Target-URI: {url}\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        record = head.encode() + body + b"\r\n\r\n"
        self.data += gzip.compress(record, mtime=0) if self.packed else record
        return self

    def save(self, path: Path) -> Path:
        path.write_bytes(self.data)
        return path


def page_archive(packed: bool = True) -> Archive:
    archive = Archive(packed)
    archive.add("warcinfo", "", b"software: test\r\n")
    archive.add("response", "http://a.example/1", PAGE.encode())
    archive.add("request", "http://a.example/1", b"GET / HTTP/1.1\r\n\r\n")
    archive.add("response", "http://a.example/i", b"\x89PNG", {"Content-Type": "image/png"})
    archive.add("response", "http://a.example/404", PAGE.encode(), status="404 Not Found")
    packed_page = gzip.compress(PAGE.encode("utf-16"), mtime=0)
    archive.add(
        "response",
        "http://b.example/2",
        packed_page,
        {"Content-Type": "text/html; charset=utf-16", "Content-Encoding": "gzip"},
    )
    archive.add("resource", "http://c.example/3", PAGE.encode(), {"Content-Type": "text/html"})
    archive.add("conversion", "http://d.example/4", "Only tëxt.".encode())
    return archive


def test_pages_and_texts_are_rows_and_the_rest_is_counted(tmp_path: Path) -> None:
    path = page_archive().save(tmp_path / "a.warc.gz")
    source = Source(name="web", uris=(str(path),), license="unknown")
    [shard] = plan_shards(source, TABLES["shards"].empty()).new
    assert (shard["row_from"], shard["row_to"]) == (0, 4)
    passed_over: Counter[str] = Counter()
    records = list(read_shard(shard, RawCorpus(), passed_over=passed_over))
    assert [(r.row, r.url, r.group, r.title, r.license) for r in records] == [
        (0, "http://a.example/1", "a.example", "A page", "unknown"),
        (1, "http://b.example/2", "b.example", "A page", "unknown"),
        (2, "http://c.example/3", "c.example", "A page", "unknown"),
        (3, "http://d.example/4", "d.example", None, "unknown"),
    ]
    assert records[0].text == records[1].text == records[2].text
    assert records[0].text.startswith("Paragraph 0 tells")
    assert records[3].text == "Only tëxt."
    assert all(r.record_id.startswith("<urn:uuid:") for r in records)
    assert passed_over == {"warcinfo": 1, "request": 1, "response that is no page": 2}


def test_row_ranges_of_an_archive(tmp_path: Path, read_file: Any) -> None:
    path = page_archive().save(tmp_path / "a.warc.gz")
    assert [r.row for r in read_file(path, rows_per_shard=3)] == [0, 1, 2, 3]


def test_reading_goes_on_after_a_broken_record(tmp_path: Path, read_file: Any) -> None:
    good = page_archive(packed=False).data
    junk = b"WARC/1.0\r\nWARC-Type: response\r\n\r\nno length\r\nmore junk\r\n\r\n"
    (tmp_path / "a.warc").write_bytes(good + junk + good)
    records = read_file(tmp_path / "a.warc")
    assert [r.row for r in records] == list(range(len(records)))
    reasons = [getattr(r, "reason", "") for r in records]
    assert reasons[4:6] == ["bad_record", "bad_record"]  # the header, and the lines after it
    assert reasons[:4] == ["", "", "", ""]
    # The second copy has the same record ids: all are duplicates, none is lost.
    assert reasons[6:] == ["duplicate_id"] * 4


def test_http_headers_that_do_not_parse(tmp_path: Path, read_file: Any) -> None:
    body = b"this is not HTTP\r\n\r\n" + PAGE.encode()
    head = (
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/\r\n"
        f"Content-Type: application/http\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    (tmp_path / "a.warc").write_bytes(head.encode() + body + b"\r\n\r\n")
    [record] = read_file(tmp_path / "a.warc")
    assert record.reason == "bad_record"


def test_cut_off_archives(tmp_path: Path, read_file: Any) -> None:
    whole = page_archive().data
    last = whole.rindex(b"\x1f\x8b")
    # Cut inside the last record, and inside the checksum that follows its last byte.
    for cut, n_rows in ((last + 30, 4), (len(whole) - 4, 5)):
        (tmp_path / "a.warc.gz").write_bytes(whole[:cut])
        records = read_file(tmp_path / "a.warc.gz")
        assert [r.row for r in records] == list(range(n_rows))
        assert [r.reason for r in records if isinstance(r, BadRecord)] == ["truncated"]
    plain = page_archive(packed=False).data
    (tmp_path / "a.warc").write_bytes(plain[:-12])
    assert read_file(tmp_path / "a.warc")[-1].reason == "truncated"


def test_records_too_large_packed_and_unpacked(tmp_path: Path, read_file: Any) -> None:
    archive = Archive()
    archive.add("response", "http://a.example/1", PAGE.encode() + b" " * 300_000)
    bomb = gzip.compress(b" " * 300_000, mtime=0)
    archive.add("response", "http://a.example/2", bomb, {"Content-Encoding": "gzip"})
    archive.add("response", "http://a.example/3", PAGE.encode())
    archive.add("response", "http://a.example/4", b"\x1b\x03packed", {"Content-Encoding": "br"})
    archive.add("response", "http://a.example/5", PAGE.encode(), {"Content-Encoding": "br"})
    path = archive.save(tmp_path / "a.warc.gz")
    records = read_file(path, RawCorpus(max_record_bytes=100_000))
    assert [getattr(r, "reason", "") for r in records] == [
        "record_too_large",
        "record_too_large",
        "",
        "bad_record",
        "",
    ]
    assert "Content-Encoding br" in records[3].detail


def test_an_archive_without_pages_says_so(tmp_path: Path, read_file: Any) -> None:
    path = Archive().add("metadata", "http://a.example/", b"a: b").save(tmp_path / "a.warc.gz")
    [record] = read_file(path)
    assert (record.reason, record.detail) == ("no_documents", "1 metadata")
    (tmp_path / "b.warc.gz").write_bytes(b"")
    [record] = read_file(tmp_path / "b.warc.gz")
    assert record.reason == "empty_file"


def test_extracted_texts(tmp_path: Path, read_file: Any) -> None:
    archive = Archive().add("conversion", "http://a.example/", b"Some text.\nMore.")
    [record] = read_file(archive.save(tmp_path / "a.warc.wet.gz"))
    assert record.text == "Some text.\nMore."
