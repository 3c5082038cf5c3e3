"""The extractors and settings that ``html_extraction.py`` compares in its own process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import trafilatura
from lxml.html import document_fromstring

from webscale_dagster.readers.html import Page, extract
from webscale_dagster.recipe import RawCorpus

Extractor = Callable[[str], str | None]
OURS = "**webscale, balanced**"


def _ours(main_text: Literal["balanced", "precision", "recall"]) -> Extractor:
    settings = RawCorpus(main_text=main_text)

    def run(html: str) -> str | None:
        page = extract(html, settings)
        return page.text if isinstance(page, Page) else None

    return run


def _trafilatura(**options: Any) -> Extractor:
    return lambda html: trafilatura.extract(html, **options)


def _visible(html: str) -> str:
    tree = document_fromstring(html.encode("utf-8", "replace"))
    for element in tree.xpath("//script | //style | //noscript | //template"):
        element.drop_tree()
    return str(tree.text_content())


SETTINGS: dict[str, Extractor] = {
    OURS: _ours("balanced"),
    "webscale, precision": _ours("precision"),
    "webscale, recall": _ours("recall"),
    "trafilatura, defaults": _trafilatura(),
    "trafilatura, favor_precision": _trafilatura(favor_precision=True),
    "trafilatura, favor_recall": _trafilatura(favor_recall=True),
    "trafilatura, no comments": _trafilatura(include_comments=False),
    "- and favor_precision": _trafilatura(include_comments=False, favor_precision=True),
    "- and favor_recall": _trafilatura(include_comments=False, favor_recall=True),
    "- and no tables": _trafilatura(include_comments=False, include_tables=False),
    "- and deduplicate": _trafilatura(include_comments=False, deduplicate=True),
    "- and fast": _trafilatura(include_comments=False, fast=True),
    "trafilatura.baseline": lambda html: str(trafilatura.baseline(html)[1]),
    "trafilatura.html2txt": lambda html: str(trafilatura.html2txt(html)),
    "all visible text": _visible,
}
