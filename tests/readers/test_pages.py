from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from webscale_dagster.recipe import RawCorpus

ARTICLE = "".join(f"<p>Paragraph {n} tells the reader one more thing.</p>" for n in range(12))


def test_a_text_file_is_one_document(tmp_path: Path, read_file: Any) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfOne.\r\nTwo.")
    [record] = read_file(tmp_path / "a.txt", license="CC0-1.0")
    assert (record.row, record.text, record.license) == (0, "One.\nTwo.", "CC0-1.0")
    (tmp_path / "b.py").write_text("print(1)")
    [record] = read_file(tmp_path / "b.py", format="text")
    assert record.text == "print(1)"


def test_a_page_is_one_document(tmp_path: Path, read_file: Any) -> None:
    html = f"<html><head><title>T</title></head><body><article>{ARTICLE}</article></body></html>"
    (tmp_path / "a.html.gz").write_bytes(gzip.compress(html.encode(), mtime=0))
    [record] = read_file(tmp_path / "a.html.gz")
    assert record.text.startswith("Paragraph 0") and record.title == "T"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b"", "empty_file"),
        ("a.txt", b" \n ", "no_text"),
        ("a.txt", b"\xff\xfe\x00", "invalid_utf8"),
        ("a.txt", b"x" * 101, "record_too_large"),
        ("a.txt.gz", gzip.compress(b"some text", mtime=0)[:-4], "truncated"),
        ("a.html", b"", "empty_file"),
        ("a.html", b"<html><body><img src=a.png></body></html>", "no_main_text"),
    ],
)
def test_bad_files_are_one_bad_record(
    tmp_path: Path, read_file: Any, name: str, data: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(data)
    [record] = read_file(tmp_path / name, RawCorpus(max_record_bytes=100))
    assert (record.row, record.reason) == (0, reason)
