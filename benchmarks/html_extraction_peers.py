"""Finds main texts with other packages; runs in an environment of its own.

    ENV/bin/python benchmarks/html_extraction_peers.py < pages.json > found.json

Reads a JSON list of pages, writes ``{extractor: [texts, CPU-seconds of each]}``. Extractors that
are not installed are left out.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

Extractor = Callable[[str], str]


def _readability() -> Extractor:
    import readability
    from lxml.html import fromstring

    return lambda html: str(fromstring(readability.Document(html).summary()).text_content())


def _resiliparse() -> Extractor:
    from resiliparse.extract.html2text import extract_plain_text

    return lambda html: str(extract_plain_text(html, main_content=True, alt_texts=False))


def _resiliparse_no_comments() -> Extractor:
    from resiliparse.extract.html2text import extract_plain_text

    return lambda html: str(
        extract_plain_text(html, main_content=True, alt_texts=False, comments=False)
    )


EXTRACTORS = {
    "readability-lxml": ("readability-lxml", _readability),
    "resiliparse": ("resiliparse", _resiliparse),
    "resiliparse, no comments": ("resiliparse", _resiliparse_no_comments),
}


def main() -> None:
    """Read, extract, write."""
    logging.disable(logging.CRITICAL)
    pages, found = json.load(sys.stdin), {}
    for name, (package, make) in EXTRACTORS.items():
        try:
            extractor = make()
        except ImportError as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        texts, seconds = [], []
        for page in pages:
            start = time.process_time()
            texts.append(extractor(page))
            seconds.append(time.process_time() - start)
        found[f"{name} {version(package)}"] = (texts, seconds)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
