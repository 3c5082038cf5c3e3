"""The main text of a web page, without menus, footers and comments.

Takes a page's bytes or text, gives its main text and title; reads and writes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from webscale_dagster.readers.html_tree import Refused, parse
from webscale_dagster.recipe import RawCorpus

CHARSET = r"""charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})"""
HEADER_CHARSET = re.compile(CHARSET, re.IGNORECASE)
META_CHARSET = re.compile(f"<meta[^>]{{0,200}}{CHARSET}".encode(), re.IGNORECASE)
# Browsers look for a declared charset in the first 1,024 bytes; pages in the wild put it later:
# https://html.spec.whatwg.org/#prescan-a-byte-stream-to-determine-its-encoding
PRESCAN_BYTES = 4096
# What a declared label means on the web: https://encoding.spec.whatwg.org/#names-and-labels
DEFAULT_CHARSET = "windows-1252"
MEANT_CHARSET = {
    "ascii": "windows-1252",
    "us-ascii": "windows-1252",
    "latin1": "windows-1252",
    "iso-8859-1": "windows-1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
}
ESCAPE = b"\x1b"  # texts in ISO 2022 are full of these, and valid UTF-8


@dataclass(frozen=True)
class Page:
    """What is worth keeping of a web page."""

    text: str
    title: str | None


def extract(html: str, settings: RawCorpus) -> Page | tuple[str, str]:
    """A page's main text and title, or the reason and detail why there is none."""
    if len(html) > settings.max_html_chars:
        limit = settings.max_html_chars
        return "record_too_large", f"a page of {len(html):,} characters, over {limit:,}"
    try:
        page = _main_text(html, settings)
    except Refused as refusal:
        return "record_too_large", str(refusal)
    except (ValueError, RecursionError, AssertionError, LookupError) as error:
        # The extractor meets pages nobody has seen before; a page that breaks it is one reject.
        return "no_main_text", f"{type(error).__name__}: {error}"
    return page or ("no_main_text", f"nothing found in {len(html):,} characters of HTML")


def _main_text(html: str, settings: RawCorpus) -> Page | None:
    import trafilatura

    tree = parse(html)
    if tree is None:
        return None
    title = tree.findtext(".//title")
    text = trafilatura.extract(
        tree,
        include_comments=False,
        favor_precision=settings.main_text == "precision",
        favor_recall=settings.main_text == "recall",
    )
    return Page(text, title) if text and text.strip() else None


def decode(data: bytes, content_type: str | None = None) -> str:
    """A page's text. Never fails: what cannot be decoded becomes U+FFFD."""
    declared = _declared(data, content_type)
    for charset in (*_valid_utf8(data), *declared):
        try:
            return data.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
    for charset in declared:
        try:
            return data.decode(charset, errors="replace")
        except LookupError:
            continue
    return data.decode(DEFAULT_CHARSET, errors="replace")


def _valid_utf8(data: bytes) -> tuple[str, ...]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    # Text in another charset is hardly ever valid UTF-8, while declarations are often wrong.
    return () if ESCAPE in data else ("utf-8-sig",)


def _declared(data: bytes, content_type: str | None) -> tuple[str, ...]:
    """Charsets that the HTTP header and the page name."""
    header = HEADER_CHARSET.search(content_type or "")
    meta = META_CHARSET.search(data[:PRESCAN_BYTES])
    names = [header.group(1)] if header else []
    names += [meta.group(1).decode("ascii")] if meta else []
    return tuple(MEANT_CHARSET.get(name.lower(), name) for name in names)
