"""What ``html_extraction.py`` checks beside main texts: web archives, pages made to break it."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from webscale_dagster.readers import BadRecord, SourceError, read_shard
from webscale_dagster.readers.html import decode, extract
from webscale_dagster.recipe import RawCorpus
from webscale_dagster.sources import Source, plan_shards
from webscale_dagster.tables import TABLES
from webscale_dagster.text.normalise import broken_share, words

SIZE = 4_900_000  # characters, below what the recipe allows
WORDS = "the reader is told one more thing about this and that "


def archive_rows(folder: Path) -> list[dict[str, str]]:
    """What the package's reader makes of each web archive, beside the headers counted by hand."""
    return [_archive(path) for path in sorted(folder.iterdir()) if ".warc" in path.name]


def _archive(path: Path) -> dict[str, str]:
    settings, source = RawCorpus(), Source(name="archive", uris=(str(path),))
    try:
        plan = plan_shards(source, TABLES["shards"].empty(), settings)
        found = [record for shard in plan.new for record in read_shard(shard, settings)]
    except SourceError as error:
        return {
            "archive": path.name,
            "documents": "0",
            "words": "",
            "broken": "",
            "rejects": str(error)[-60:],
        }
    bad = Counter(f"{r.reason}: {r.detail}" for r in found if isinstance(r, BadRecord))
    texts = [record.text for record in found if not isinstance(record, BadRecord)]
    return {
        "archive": path.name,
        "documents": str(len(texts)),
        "words": f"{sum(len(words(text)) for text in texts):,}",
        "broken": f"{max(map(broken_share, texts), default=0):.3f}",
        "rejects": "; ".join(f"{n} {reason}" for reason, n in bad.items()),
    }


def hostile_rows() -> list[dict[str, str]]:
    """Seconds that each page takes, and what comes out."""
    settings = RawCorpus()
    rows = []
    for name, data in hostile_pages().items():
        start = time.process_time()
        found = extract(decode(data), settings)
        seconds = time.process_time() - start
        said = (
            f"{found[0]}: {found[1]}"
            if isinstance(found, tuple)
            else f"{len(found.text):,} characters"
        )
        rows.append({"page": name, "CPU-s": f"{seconds:.1f}", "comes out": said[:80]})
    return rows


def hostile_pages() -> dict[str, bytes]:
    """Pages near the size limit, by what is wrong with them."""
    running = _fill(WORDS)
    latin = "<html><body><p>" + _fill("Größe über alles und noch ein Wort dazu. ")
    pages = {
        "one paragraph in one line": f"<html><body><p>{running}",
        "one word": f"<html><body><p>{'x' * SIZE}",
        "no tags": running,
        "divs nested": _fill("<div>some words "),
        "links nested": _fill("<a href=x>t "),
        "tables nested": _fill("<p>a<table><tr><td>"),
        "wrong end tags": _fill("<div></p></span><p>"),
        "paragraphs": f"<article>{_fill(f'<p>{WORDS * 2}</p>')}",
        "headings": _fill("<h1>Head of the page</h1>" + WORDS),
        "one table": f"<table>{_fill('<tr><td>cell one</td><td>the second cell</td></tr>')}",
        "empty elements": _fill("<p>\t \t</p>"),
        "line breaks": f"<p>{_fill('word word word word word word<br>')}",
        "a tag of 600,000 attributes": f"<div {' '.join(f'a{n}' for n in range(600_000))}>x",
        "a long attribute": f'<div class="{running}"><p>{WORDS}</p></div>',
        "an unclosed script": f"<p>{WORDS}</p><script>{running}",
        "an unclosed comment": f"<p>{WORDS}</p><!--{running}",
        "only <": "<" * SIZE,
        "entities": f"<p>{_fill('&amp;&lt;&nbsp;&#x41; and ')}",
        "null bytes in the text": f"<html><body><p>{running}".replace("one", "o\0e"),
        "only null bytes": "\0" * SIZE,
    }
    made = {name: page.encode() for name, page in pages.items()}
    made["Latin-1 declared as UTF-8"] = b"<meta charset=utf-8>" + latin.encode("latin-1")
    made["UTF-8 cut in the middle of characters"] = latin.encode().replace(b"\xc3\xb6", b"\xc3")
    made["UTF-16 without a mark"] = f"<html><body><p>{running[: SIZE // 2]}".encode("utf-16-le")
    return made


def _fill(piece: str) -> str:
    return (piece * (SIZE // len(piece) + 1))[:SIZE]
