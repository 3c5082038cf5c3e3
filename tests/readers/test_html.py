from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard

from webscale_dagster.readers.html import Page, decode, extract
from webscale_dagster.readers.jsonl import lines
from webscale_dagster.recipe import RawCorpus

ARTICLE = "".join(f"<p>Paragraph {n} tells the reader one more thing.</p>" for n in range(12))


def page(body: str, head: str = "") -> str:
    return f"<html><head>{head}<title>T &amp; t</title></head><body>{body}</body></html>"


def test_menus_footers_and_comments_go() -> None:
    html = page(
        "<nav><ul><li>Home</li><li>Login</li></ul></nav>"
        f"<article><h1>Head</h1>{ARTICLE}</article>"
        "<div id='comments'><p>First! Nice post, thanks for sharing it with us.</p></div>"
        "<footer>Copyright by us</footer>"
    )
    found = extract(html, RawCorpus())
    assert isinstance(found, Page)
    assert found.title == "T & t"
    assert "Paragraph 11 tells" in found.text
    for junk in ("Login", "First!", "Copyright"):
        assert junk not in found.text


@pytest.mark.parametrize(
    "html",
    ["", "   ", "\0", "<html></html>", page("<script>x = 1</script><img src=a.png>"), "<" * 99],
)
def test_pages_without_main_text(html: str) -> None:
    found = extract(html, RawCorpus())
    assert isinstance(found, tuple)
    assert found[0] == "no_main_text"


def test_pathological_pages_end_soon() -> None:
    settings = RawCorpus(max_html_chars=200_000)
    assert extract("x" * 200_001, settings)[0] == "record_too_large"  # type: ignore[index]
    for html in ("<div>" * 30_000, "<p>a<table><tr><td>" * 8_000, "<a href=x>" * 15_000):
        assert len(html) <= settings.max_html_chars
        extract(html, settings)


@pytest.mark.parametrize(
    ("data", "content_type", "text"),
    [
        ("é“".encode(), None, "é“"),
        ("é“".encode(), "text/html; charset=iso-8859-1", "é“"),  # wrongly declared
        ("é“".encode("cp1252"), None, "é“"),
        ("é“".encode("cp1252"), "text/html; charset=ISO-8859-1", "é“"),  # what browsers do
        ("日本語の文".encode("euc_jp"), "text/html; charset=EUC-JP", "日本語の文"),
        ("日本語の文".encode("iso2022_jp"), "text/html; charset=iso-2022-jp", "日本語の文"),
        ("日本語の文".encode("utf-16"), None, "日本語の文"),
        (b"<meta charset=gb2312>" + "汉字".encode("gb18030"), None, "<meta charset=gb2312>汉字"),
        ("é".encode("cp1252"), "text/html; charset=no-such-thing", "é"),
        (b"a\xff\x81", "text/html; charset=hex", "aÿ\ufffd"),
    ],
)
def test_charsets(data: bytes, content_type: str | None, text: str) -> None:
    assert decode(data, content_type) == text


@pytest.mark.realdata
def test_main_text_of_real_pages_agrees_with_the_hand_made(corpora: Path) -> None:
    packed = (corpora / "corpora" / "web_raw.jsonl.zst").read_bytes()
    data = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    pages = [
        orjson.loads(line) for line in lines(iter([data]), len(data)) if not isinstance(line, int)
    ]
    gold = [p for p in pages if p.get("main_text_gold") and p.get("html")]
    sample = random.Random(5).sample(gold, 100)
    scores = [_f1(_text(p), p["main_text_gold"]) for p in sample]
    assert sum(scores) / len(scores) > 0.93
    assert sum(_f1(p["text"], p["main_text_gold"]) for p in sample) / len(sample) < 0.8


def _text(found: dict[str, Any]) -> str:
    result = extract(found["html"], RawCorpus())
    return result.text if isinstance(result, Page) else ""


def _f1(one: str, other: str) -> float:
    a, b = (Counter(re.findall(r"\w+", text.lower())) for text in (one, other))
    shared = (a & b).total()
    return 2 * shared / (a.total() + b.total()) if shared else 0.0
