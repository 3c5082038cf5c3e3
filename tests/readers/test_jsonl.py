from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from webscale_dagster.readers import BadRecord, Record, SourceError
from webscale_dagster.readers.jsonl import lines, parse

ROWS = [{"id": f"a{n}", "text": f"text number {n}"} for n in range(5)]
PLAIN = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jsonl", PLAIN),
        ("a.jsonl", PLAIN.rstrip(b"\n")),
        ("a.jsonl", PLAIN.replace(b"\n", b"\r\n\r\n")),
        ("a.jsonl", b"\xef\xbb\xbf" + PLAIN),
        ("a.jsonl.gz", gzip.compress(PLAIN, mtime=0)),
        (
            "a.jsonl.gz",
            gzip.compress(PLAIN[:40], mtime=0) + gzip.compress(PLAIN[40:]) + b"\0" * 512,
        ),
        ("a.jsonl.zst", zstandard.compress(PLAIN)),
        ("a.jsonl.zst", zstandard.compress(PLAIN[:40]) + zstandard.compress(PLAIN[40:])),
        ("packed_but_not_named_so.jsonl", zstandard.compress(PLAIN)),
    ],
)
def test_every_packing_gives_the_same_records(
    tmp_path: Path, read_file: Any, name: str, data: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    records = read_file(path)
    assert [(r.row, r.record_id, r.text) for r in records] == [
        (n, f"a{n}", f"text number {n}") for n in range(5)
    ]


def test_fields_are_found_by_name_and_by_dotted_path(tmp_path: Path, read_file: Any) -> None:
    path = tmp_path / "a.jsonl"
    row = {
        "body": "A text.",
        "key": 7,
        "meta": {"url": "https://e.org/x", "site": "e.org"},
        "headline": "  A\u2028title ",
        "rights": None,
        "language": "en",
    }
    path.write_text(json.dumps(row))
    [record] = read_file(
        path,
        text_field="body",
        id_field="key",
        url_field="meta.url",
        group_field="meta.site",
        title_field="headline",
        license_field="rights",
        license="CC0-1.0",
    )
    assert record == Record(0, "7", "https://e.org/x", "A title", "A text.", "CC0-1.0", "e.org")


def test_html_field_wins_where_a_row_has_one(tmp_path: Path, read_file: Any) -> None:
    body = "".join(
        f"<p>Sentence {n} of the article says something of its own.</p>" for n in range(9)
    )
    page = f"<html><head><title>T</title></head><body><article>{body}</article></body></html>"
    path = tmp_path / "a.jsonl"
    rows = [{"html": page, "text": "menu menu"}, {"html": "", "text": "only text"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    first, second = read_file(path, html_field="html")
    assert first.text.startswith("Sentence 0") and first.title == "T"
    assert second.text == "only text"


def test_a_row_range_reads_its_rows_only(tmp_path: Path, read_file: Any) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(PLAIN)
    assert [r.row for r in read_file(path, rows_per_shard=2)] == [0, 1, 2, 3, 4]


def test_lines_survive_any_chunking() -> None:
    data = b"ab\n\n  \ncdef\nx" + b"y" * 30 + b"\ng\nh"
    whole = list(lines(iter([data]), 10))
    assert whole == [b"ab", b"cdef", 31, b"g", b"h"]
    for size in range(1, len(data)):
        chunks = [data[n : n + size] for n in range(0, len(data), size)]
        assert list(lines(iter(chunks), 10)) == whole


def test_what_orjson_refuses_and_other_writers_write() -> None:
    assert parse(b'{"a": NaN}')["a"] != 0
    assert parse(rb'{"a": "\ud800"}')["a"] == "\ud800"
    with pytest.raises(ValueError, match="nested"):
        parse(b"[" * 200_000)


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (b'{"id": "b"}', "no_text", "no text; the record's fields: id"),
        (b'{"text": ["a"]}', "no_text", "text is list, not text"),
        (b'{"text": " \\u0000 "}', "no_text", "text is empty"),
        (b'{"text": "cut', "not_json", "Unterminated string"),
        (b'["text"]', "not_an_object", "list"),
        (b'"text"', "not_an_object", "str"),
        (b'{"text": "\xff\xfe"}', "invalid_utf8", "invalid start byte at byte 10"),
        (b'{"id": "a0", "text": "again"}', "duplicate_id", "id a0 is row 0's too"),
    ],
)
def test_a_bad_line_costs_one_record(
    tmp_path: Path, read_file: Any, line: bytes, reason: str, detail: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(PLAIN + line + b'\n{"id": "z", "text": "after"}\n')
    records = read_file(path)
    assert [r.row for r in records] == list(range(7))
    bad = [r for r in records if isinstance(r, BadRecord)]
    assert [(r.row, r.reason) for r in bad] == [(5, reason)]
    assert detail in bad[0].detail


def test_url_tells_duplicates_where_there_is_no_id(tmp_path: Path, read_file: Any) -> None:
    path = tmp_path / "a.jsonl"
    rows = [
        {"url": "https://e.org/1", "text": "one"},
        {"url": "https://e.org/1", "text": "two"},
        {"url": "https://e.org/1", "id": "own", "text": "three"},
        {"text": "four"},
        {"text": "four"},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    records = read_file(path)
    assert [getattr(r, "reason", "kept") for r in records] == [
        "kept",
        "duplicate_id",
        "kept",
        "kept",
        "kept",
    ]


def test_a_wrong_text_field_is_refused_when_the_file_is_registered(
    tmp_path: Path, read_file: Any
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "body": "one"}\n{"id": 2, "body": "two", "more": 3}\n')
    with pytest.raises(
        SourceError, match="no field 'text' in its first 2 records; their fields: id, body, more;"
    ):
        read_file(path)
    assert len(read_file(path, text_field="body")) == 2
