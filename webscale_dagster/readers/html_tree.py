"""A web page as a tree of elements.

Makes a tree from a page's text; reads and writes nothing. Pages come from anywhere: what would take
the parser or the extractor minutes is refused here, before it does.
"""

from __future__ import annotations

import re
from typing import Any

# XML knows no control characters: https://www.w3.org/TR/xml/#charsets
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_TAG = re.compile("<[a-z]", re.IGNORECASE)
# libxml2 misreads odd document types and <html/>: https://bugs.launchpad.net/lxml/+bug/1955915
_DOCTYPE = re.compile(r"\A\s*<!doctype[^>]{0,1000}>", re.IGNORECASE)
_SELF_CLOSED = re.compile(r"(<html[^>]{0,1000}?)\s*/>", re.IGNORECASE)
_HEAD = 4096  # characters in which they stand
# The extractor's time grows with the elements, up to half a minute for as many; the largest of
# 1,600 real pages has 10,106.
MAX_ELEMENTS = 100_000
# libxml2 compares each attribute of a tag with those before it: 14,000 take two seconds, 60,000
# minutes. Binary data read as a page looks so.
_LONG_TAG, _MAX_ATTRIBUTES = 40_000, 10_000
_VALUE = re.compile(r"=\s*(?:\"[^\"]*\"|'[^']*')")
_NAME = re.compile(r"[^\s/=]+")


class Refused(ValueError):
    """A page that would take too long; the message says why."""


def parse(html: str) -> Any | None:
    """The page as an lxml tree, without comments; None where there are no tags."""
    from lxml.etree import ParserError
    from lxml.html import HTMLParser, document_fromstring

    if not _TAG.search(html):
        return None
    _check_tags(html)
    html = _DOCTYPE.sub("", _UNREADABLE.sub("", html), count=1)
    html = _SELF_CLOSED.sub(r"\1>", html[:_HEAD], count=1) + html[_HEAD:]
    parser = HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        tree = document_fromstring(html.encode("utf-8"), parser=parser)
    except ParserError:  # empty
        return None
    # At an element nested 256 deep libxml2 stops, and would lose the rest of the page quietly. It
    # can go deeper, but the extractor then takes minutes. None of 1,600 real pages is so deep.
    if fatal := parser.error_log.filter_from_fatals():
        raise Refused(f"too much for the parser: {fatal[0].message}")
    n_elements = int(tree.xpath("count(//*)"))
    if n_elements > MAX_ELEMENTS:
        raise Refused(f"a page of {n_elements:,} elements, over {MAX_ELEMENTS:,}")
    return tree


def _check_tags(html: str) -> None:
    """Refuses tags of too many attributes. Values go first: they may hold > and <."""
    html, start = _VALUE.sub("=", html), 0
    for piece in html.split(">"):
        tag = _TAG.search(piece) if len(piece) > _LONG_TAG else None
        if tag and not _in_script(html[: start + tag.start()]):
            n_names = len(_NAME.findall(piece, tag.start()))
            if n_names > _MAX_ATTRIBUTES:
                raise Refused(f"a tag of {n_names:,} attributes, over {_MAX_ATTRIBUTES:,}")
        start += len(piece) + 1


def _in_script(before: str) -> bool:
    """Whether a page's beginning ends inside a script or style, where a < opens no tag."""
    before = before.lower()
    return any(before.rfind(f"<{name}") > before.rfind(f"</{name}") for name in ("script", "style"))
