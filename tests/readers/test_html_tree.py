from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webscale_dagster.readers.html import Page, decode, extract
from webscale_dagster.readers.html_tree import MAX_ELEMENTS, Refused, parse
from webscale_dagster.recipe import RawCorpus

ARTICLE = "".join(f"<p>Paragraph {n} tells the reader one more thing.</p>" for n in range(12))


def body_text(html: str) -> str:
    tree = parse(html)
    assert tree is not None
    return " ".join(tree.xpath("string(//body)").split())


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one", "one"),
        ("<p>o\0ne</p>\x0b\ufffe two", "one two"),
        ("<!DOCTYPE html PUBLIC '-//W3C//DTD'><html/><body>one</body>", "one"),
        ("<?xml version='1.0' encoding='utf-16'?><html><body>één</body></html>", "één"),
        ("<meta charset=shift_jis><p>één", "één"),  # decoded before
        ("<p>one<!-- two -->", "one"),
        ("<p>one\ud800", "one"),
    ],
)
def test_what_is_read_of_a_page(html: str, text: str) -> None:
    assert body_text(html) == text


@pytest.mark.parametrize("html", ["", " ", "no tags at all", "1 < 2", "<" * 99, "<!-- a -->"])
def test_what_is_no_page(html: str) -> None:
    assert parse(html) is None


def test_null_bytes_do_not_lose_the_page() -> None:
    found = extract(
        f"<html><body>{ARTICLE}</body></html>".replace("reader", "rea\0der"), RawCorpus()
    )
    assert isinstance(found, Page)
    assert "Paragraph 11 tells the reader" in found.text


@pytest.mark.parametrize(
    ("html", "detail"),
    [
        ("<p>" * (MAX_ELEMENTS + 1), "elements"),
        (f"<div {' '.join(f'name{n}' for n in range(20_000))}>{ARTICLE}", "attributes"),
        (f"{'<div>' * 300}{ARTICLE}", "depth"),  # else the rest would be lost quietly
    ],
)
def test_what_would_take_too_long_is_a_reject(html: str, detail: str) -> None:
    found = extract(html, RawCorpus())
    assert isinstance(found, tuple)
    assert found[0] == "record_too_large" and detail in found[1]


@pytest.mark.parametrize(
    "html",
    [
        f"<script>for (i = 0; i <n; i++) {{ {'a = b + c; ' * 20_000} }}</script>{ARTICLE}",
        f"<p>It says = 'nothing <p>{ARTICLE}",
        f"<STYLE>a <b {'c ' * 30_000}</STYLE>{ARTICLE}",
        f"<img alt='{'one two ' * 20_000}' src='data:{'A' * 50_000}'>{ARTICLE}",
        f"<p>a <b>{'one two three ' * 10_000}</b></p>{ARTICLE}",
    ],
)
def test_long_scripts_attributes_and_paragraphs_are_no_reason(html: str) -> None:
    assert "Paragraph 11" in body_text(html)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.text("<>/=\"' abp!-&;\0\ud800", max_size=200))
def test_any_bytes_give_a_text_or_a_reason(data: bytes, markup: str) -> None:
    for html in (decode(data), markup, f"<html><body>{markup}{ARTICLE}{decode(data)}"):
        found = extract(html, RawCorpus())
        assert isinstance(found, Page) or found[0] in ("no_main_text", "record_too_large")


@pytest.mark.parametrize(
    "attribute",
    ["name{} ", "name{}='<' ", 'name{}="a>b"', "name{}=< ", "name{}/", "name{}\n=\n'>'"],
)
def test_attributes_are_counted_however_they_are_written(attribute: str) -> None:
    names = "".join(attribute.format(n) for n in range(20_000))
    with pytest.raises(Refused, match="attributes, over 10,000"):
        parse(f"<p>{ARTICLE}<a {names}>")
