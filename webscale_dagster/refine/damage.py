"""Repairs what transport did to a text: UTF-8 read as Windows-1252, entities, stray spaces.

Makes repaired texts; reads and writes nothing. Only runs that decode to one plausible text are
touched, so a text without damage stays as it is.
"""

from __future__ import annotations

import html
import re

from webscale_dagster.text.normalise import broken_share, normalise

# A lead byte of UTF-8 as Windows-1252 shows it, then as many continuation bytes as it announces.
_TAIL = "[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œŽžŸ]"
_RUN = re.compile(f"(?:(?:[Â-ß]{_TAIL}|[à-ï]{_TAIL}{{2}}|[ð-ô]{_TAIL}{{3}}))+")
_LIKELY = re.compile(f"[ÂÃ]{_TAIL}|â€|ï¿½|ï»¿|ðŸ|[ÐÑÎÏ]{_TAIL}(?:[ÐÑÎÏ]{_TAIL})")
# Not &lt; and &gt;: texts about markup mean them.
_ENTITY = re.compile(r"&(?:amp|nbsp|quot|apos|rsquo|lsquo|rdquo|ldquo|hellip|[mn]dash|#\d{2,5});")
_SPACES = re.compile(r"(?<=[.!?,;:])[^\S\n]{2,}(?=\S)")
_WIDE_GAP = re.compile(r"(?<=[^\s|])[^\S\n]{3,}(?=[^\s|])")  # two may part the cells of a table
_ODD_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f\u3000](?!$)")
_UNMENDED = 0.1  # of what was broken
_ODD = re.compile("[¢¤¥¦¨¬¯´¸¹¼¾×ÐÞðþ]")  # signs that words of Latin letters do without
_TWICE = 2  # texts that went the wrong way two times are known; more are not


def repaired(text: str) -> str:
    """The text with broken characters and entities resolved."""
    mended = text
    for _ in range(_TWICE):
        if mended.isascii() or not _LIKELY.search(mended):
            break
        mended = _RUN.sub(lambda run: _decoded(run.group(0)), mended)
    if mended != text and not _is_better(text, mended):
        mended = text
    return _ENTITY.sub(lambda entity: html.unescape(entity.group(0)), mended)


def _is_better(text: str, mended: str) -> bool:
    """Whether what was broken is whole now; of another encoding only some bytes look like UTF-8."""
    odd = 2 * len(_ODD.findall(mended)) > len(_RUN.findall(text))
    return not odd and broken_share(mended) <= _UNMENDED * broken_share(text)


def tidied(text: str) -> str:
    """Repaired, with plain spaces, no more of them than part words or cells, and no wide gaps."""
    text = _SPACES.sub(" ", _ODD_SPACES.sub(" ", repaired(text)))
    return normalise(_WIDE_GAP.sub("  ", text))


def _decoded(run: str) -> str:
    """What the bytes of a run say; the run itself where they say nothing."""
    try:
        return b"".join(map(_byte, run)).decode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError):
        return run


def _byte(character: str) -> bytes:
    try:
        return character.encode("cp1252")
    except UnicodeEncodeError:
        return character.encode("latin-1")  # 81, 8D, 8F, 90 and 9D mean nothing in Windows-1252
