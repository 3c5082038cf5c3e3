"""Which lines of a document came with its page and not from its author.

Makes, for the lines of a text, the kind of boilerplate of each that is some; reads and writes
nothing. The rules stand in for a model that may not judge, so they prefer to keep:

    menu        five short labels in a row (as text/page_shape.py), and the few lines between two
    control     a button or link by its words: "Share", "Read more", "Log in"
    notice      copyright, cookies, terms, JavaScript (C4, arXiv 1910.10683, section 2.2)

and where a quarter of the lines is such, which makes the text a raw page,

    address     a line that is nothing but an address of the web
    repeated    a line that stood above (Gopher, arXiv 2112.11446, table A1, drops whole documents)
    unended     a short line without end punctuation (C4 drops these of any page) that is no
                heading, for what follows is no sentence either

Source code is left alone, and so are lines that a sentence runs through.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

MENU_LINES = 5  # so many labels in a row are a menu
_BETWEEN = 2  # so few lines between two menus belong to them
_LABEL = 30  # characters; FineWeb (arXiv 2406.17557), section 3.6
_TOLD = 4  # words; shorter lines are labels, even if they end in a full stop
_SENTENCE_WORDS = 15  # a line of so many words is a sentence, whatever it ends in
_REPEATS = 3  # a label that often is no author's
_PAGE = 0.25  # share of lines in menus and controls, from which a text is a raw page
_CODE = 0.5
_MIDDLE = tuple(".,;:)’'")  # how the rest of a sentence may begin, after a link
_GLUE = re.compile(r"(?:and|or|of|in|by|the|to|on|und|oder|et|ou|y|e)\b.{0,12}", re.IGNORECASE)
_ENDS = tuple(".!?…:;\"'”’»)]。！？।؟")
_NO_LABEL = re.compile(r"[.!?;:,…。！？)\]}=]$|[=+<>^_{}\\$→≤≥√∑∫×÷|]|^\W*$|^[-*•–]\s|\d")
_CONTROLS = r"""
    share|share (?:this|on|via|your thoughts)\b.*|tweet(?: this)?|retweet|pin(?: it)?|like|likes
    |print|e-?mail(?: this)?|facebook|twitter|linkedin|instagram|pinterest|whatsapp|reddit
    |youtube|google\+?|rss|follow(?: us\b.*| @\w+)?|subscribe\b.*|sign (?:in|up|out)\b.*
    |log ?(?:in|out)|register|search|menu|home|skip to\b.*|jump to\b.*
    |(?:read|learn|see|show|load|view) (?:more|all)\b.*|continue reading\b.*|more|next
    |prev(?:ious)?|back|back to (?:top|the top)|reply|cancel reply|leave a (?:reply|comment)
    |post a comment|add a? ?comment|(?:no|\d+) comments?|comments?(?: \(?\d+\)?| off)?
    |related\b.{0,20}|advertise(?:ment|with us)?|sponsored\b.*|loading\W*|close|cancel|submit
    |play|click (?:here|to)\b.*|about(?: us)?|contact(?: us)?|privacy(?: policy)?
    |terms(?: of (?:use|service))?|site ?map|cookies?|newsletter|download|buy now|add to cart
    |permalink|report(?: abuse)?|tags?|categories|archives?|teilen|drucken|kommentare?|anmelden
    |abmelden|registrieren|suche|startseite|impressum|datenschutz|weiterlesen|mehr|mehr lesen
    |merken|zurück|weiter|kontakt|partager|imprimer|commentaires?|rechercher|connexion|accueil
    |lire la suite|compartir|imprimir|comentarios?|buscar|inicio|leer más
"""
_WORDED = "".join(line.strip() for line in _CONTROLS.splitlines())
_ARROWS = "[\\s<>«»‹›|+×▲▼←→()…:-]*"
_CONTROL = re.compile(f"{_ARROWS}(?:{_WORDED}){_ARROWS}", re.IGNORECASE)
_CONTROL_WORDS = 6  # more make a sentence that happens to begin so
_NOTICE = re.compile(
    r"(?:©|\(c\)|copyright\b)\W*(?:(?:19|20)\d\d\b|by\b)"
    r"|\ball rights reserved\b|\balle rechte vorbehalten\b"
    r"|\b(?:uses?|using|accept(?:ing)?|verwende[nt]) cookies\b|\bcookie policy\b|^powered by \w+"
    r"|\bjavascript\b.*\b(?:enabled?|disabled?|requires?|activate|browser)\b"
    r"|\b(?:enable|activate|turn on) javascript\b",
    re.IGNORECASE,
)
_NOTICE_WORDS = 40  # longer lines are about such things
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)


def boilerplate(lines: Sequence[str]) -> dict[int, str]:
    """The kind of every line that is boilerplate, by its place; none of source code."""
    from webscale_dagster.text.page_shape import code_share

    stripped = [" ".join(line.split()) for line in lines]  # whatever kind its spaces are of
    if code_share("\n".join(lines)) >= _CODE:
        return {}
    found = {at: "menu" for at in _menus(stripped)}
    for at, line in enumerate(stripped):
        kind = _of_itself(line) if line and at not in found else None
        if kind is not None:
            found[at] = kind
    if found and len(found) / sum(map(bool, stripped)) >= _PAGE:
        loose = [at for at in range(len(lines)) if _is_loose(stripped, at) and at not in found]
        found |= {at: "repeated" for at in _repeated(stripped, loose)}
        found |= {at: "address" for at, line in enumerate(stripped) if _ADDRESS.fullmatch(line)}
        found |= {at: "unended" for at in _unended(stripped, found, set(loose))}
    return dict(sorted(found.items()))


def is_sentence(line: str) -> bool:
    """Whether a stripped line reads as a sentence: it is long, or it ends like one."""
    n_words = _n_words(line)
    return n_words >= _SENTENCE_WORDS or (n_words >= _TOLD and line.endswith(_ENDS))


def _of_itself(line: str) -> str | None:
    """What the words of a line give away, whatever stands around it."""
    if _is_control(line):
        return "control"
    if _n_words(line) <= _NOTICE_WORDS and _NOTICE.search(line):
        return "notice"
    return None


def _is_entry(lines: Sequence[str], at: int) -> bool:
    """Whether a line may be of a menu: a label or control that is no link inside a sentence."""
    if at >= len(lines) or not (_is_label(lines[at]) or _is_control(lines[at])):
        return False
    around = (lines[at], lines[at + 1] if at + 1 < len(lines) else "")
    return not any(line.startswith(_MIDDLE) or _is_glue(line) for line in around)


def _is_glue(line: str) -> bool:
    return line[:1].islower() and _GLUE.fullmatch(line) is not None


def _is_control(line: str) -> bool:
    return _n_words(line) <= _CONTROL_WORDS and _CONTROL.fullmatch(line) is not None


def _menus(lines: Sequence[str]) -> set[int]:
    """Lines in runs of labels; a blank line ends no run, pages have them between entries."""
    found: set[int] = set()
    run: list[int] = []
    last_end: int | None = None
    for at, line in enumerate([*lines, "."]):
        if line and not _is_entry(lines, at):
            if len(run) >= MENU_LINES:
                if last_end is not None:
                    found |= _between(lines, last_end, run[0])
                found |= set(run)
                last_end = run[-1]
            run = []
        elif line and at < len(lines):
            run.append(at)
    return found


def _between(lines: Sequence[str], end: int, start: int) -> set[int]:
    """The few short lines between two menus; none where one of them is a sentence."""
    places = [at for at in range(end + 1, start) if lines[at]]
    few = len(places) <= _BETWEEN and not any(is_sentence(lines[at]) for at in places)
    return set(places) if few else set()


def _is_loose(lines: Sequence[str], at: int) -> bool:
    """Whether a line is no part of a sentence that a neighbour begins or ends (wrapped, linked)."""
    goes_on = at + 1 < len(lines) and _begins_low(lines[at + 1]) and not lines[at].endswith(".")
    return bool(lines[at]) and not goes_on and not _begins_low(lines[at])


def _begins_low(line: str) -> bool:
    return line[:1].islower() or line[:1] in _MIDDLE


def _repeated(lines: Sequence[str], loose: Sequence[int]) -> list[int]:
    """Told lines that stood above, and labels that stand there again and again."""
    counts = Counter(lines)
    seen: set[str] = set()
    found = []
    for at in loose:
        line = lines[at]
        again = line in seen and _n_words(line) >= _TOLD
        if again or (_is_label(line) and counts[line] >= _REPEATS):
            found.append(at)
        seen.add(line)
    return found


def _unended(lines: Sequence[str], found: Mapping[int, str], loose: set[int]) -> list[int]:
    """Short unended lines after which no sentence comes: dates, captions, teasers, names."""
    unended, heads = [], False
    for at in range(len(lines) - 1, -1, -1):
        line = lines[at]
        if not line or at in found:
            heads = heads and at not in found
            continue
        told = is_sentence(line) or at not in loose
        if not told and not heads:
            unended.append(at)
        heads = told
    return unended


def _is_label(line: str) -> bool:
    if not 0 < len(line) <= _LABEL or _NO_LABEL.search(line):
        return False
    letters = sum(map(str.isalpha, line))
    return letters >= 0.6 * (len(line) - line.count(" "))


def _n_words(line: str) -> int:
    """Words, or a sixth of the characters where a script writes no spaces between words."""
    spaces = line.count(" ")
    return spaces + 1 if line.isascii() else max(spaces + 1, len(line) // 6)
