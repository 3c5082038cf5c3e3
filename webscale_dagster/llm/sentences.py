"""Sentences that stand alone: split a document, and drop what needs its surroundings.

Makes ``Sentence`` values with their offsets; reads and writes nothing. A sentence is dropped when
it points outside itself (a pronoun at its head, "the above", "Figure 3"), when it is told in the
first or second person, and when it is no sentence at all (headings, cells, code, citations).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MIN_CHARS, MAX_CHARS = 30, 340
MIN_WORDS, MAX_WORDS = 5, 48

_BREAK = re.compile(r"\n[ \t]*\n+|\n")
_WRAPPED = 45  # a line of at least so many characters may be a hard-wrapped line of prose
_END = re.compile(r"[.!?]+[\"'”’)\]]*(?:\[\d+\])*(?=\s+[\"'“‘(\[]?[A-Z0-9]|\s*$)")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“‘])(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|Mt|Ft|Lt|Col|Gen|Capt|Sgt|Rev|Hon|"
    r"Gov|Sen|"
    r"Rep|Pres|Inc|Corp|Ltd|Co|Bros|No|Nos|Vol|vol|pp|p|ed|eds|Fig|fig|Figs|Eq|Sec|Art|Ch|cf|vs|v|"
    r"etc|al|approx|ca|c|b|d|r|e\.g|i\.e|viz|U\.S|U\.K|D\.C|U\.N|Ph\.D|M\.D|a\.m|p\.m|"
    r"B\.C|A\.D|J\.R|[A-Z]\.[A-Z]|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec|Ave|Blvd|Dept|"
    r"Univ|Assn|est|var|spp|sp|subsp|Stat|Messrs|Mme|Mlle)\.$"
)

_OPENS = re.compile(r"\s+(?:The|A|An|In|It|He|She|They|This|These|His|Her|Its|However|But)\s")
_HEAD = re.compile(
    r"^(?:(?:First|Second|Third|Fourth|Next|Last|It|He|She|They|This|That|These|Those|Such|"
    r"His|Her|Their|Its|We|I|You|My|Our|Your|There|Here|"
    r"However|Therefore|Thus|Hence|Moreover|Furthermore|Also|And|But|Or|So|Yet|Then|Instead|"
    r"Nevertheless|Nonetheless|Otherwise|Still|Meanwhile|Consequently|Accordingly|"
    r"Additionally|Finally|"
    r"Similarly|Likewise|Conversely|Indeed|Again|Another|Both|Either|Neither|Some|Many|"
    r"Several|Most|"
    r"Others?|One|Each|All|Few|Now|Today|Later|Afterwards?|Soon|Eventually|Once|If|When|While|"
    r"Although|"
    r"Though|Because|Since|As|After|Before|Until|Unless|Whereas|What|Which|Who|Whose|Why|How|"
    r"Where|Let|"
    r"Note|See|Consider|Suppose|Recall|Assume|Given|Figure|Fig|Table|Chapter|Section|Example|"
    r"Exercise|"
    r"Copyright|Please|Click|Use|Make|Write|Find|Solve|Calculate|Describe|Explain|Determine|Define|"
    r"Not|No|Nor|Even|Just|Only|Perhaps|Maybe|To|According|Using|Based|Following|Like|Unlike|"
    r"Despite|"
    r"Among|Yes|Well|Oh|Source|Credit|Photo|Image|Objective|Objectives|Background|Methods?|"
    r"Results?|"
    r"Conclusions?|Introduction|Abstract|Title|Answer|Question|Problem|Solution|Step|Theorem|"
    r"Lemma|Proof|"
    r"Proposition|Corollary|Remark|Definition|Hint)\b(?!-))"
)
_POINTS_AWAY = re.compile(
    r"\b(?:above|below|aforementioned|aforesaid|the following|as follows|the former|the latter|"
    r"previous(?:ly)? (?:mentioned|discussed|chapter|section|example)|"
    r"(?:this|these|those|that) (?:article|section|chapter|page|paper|study|report|book|document|"
    r"guide|module|lesson|site|website|blog|post|figure|table|example|chart|graph|image|photo|"
    r"map)|images?|micrograph|photographs? show|p\. \d|"
    r"[Ff]ig(?:ure|s|\.)|Tables? \d|see also|hereinafter|thereof|therein|herein|hereby|click|"
    r"said (?:section|act|board|court)|ibid|et al)\b",
)
_PERSON = re.compile(
    r"\b(?:I|me|my|mine|myself|we|us|our|ours|ourselves|you|your|yours|yourself|[Ll]et's|I'm|"
    r"I've)\b"
)
_NOISE = re.compile(
    r"''|[|\\{}<>=_~^$@#*•►→\u2022\uFFFD]|https?:|www\.|\[\w|\s[-+/]\s|\.\.\.|…|::|;|"
    r"[\u0370-\u03ff]|\?|!|[a-z]\.[A-Z]|\b\w+\.(?:com|org|gov|net|py)\b|\( \)|@-@| ,|"
    r"\(see\b|\(\)|\bsee \(|[a-z]\(\S|©|®|™|[ÃÂ€`Ø•▪]|\([a-hivx]{1,3}\)|\.\s?[\u2060]?[—–]"
)
_MONEY = re.compile(r"(?:US)?\$(?=\d)")
_SPACED_CITE = re.compile(r"\[\d{1,3}\]|\[citation needed\]")
_ALL_CAPS = re.compile(r"\b[A-Z]{4,}\b")
_WORD = re.compile(r"[A-Za-z]+")
_SPEECH = re.compile(r"[\"“”]")


@dataclass(frozen=True)
class Sentence:
    """A sentence as it stands in the document: ``text == document[start:end]``."""

    text: str
    start: int
    end: int


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Spans that hold whole sentences: paragraphs, with hard-wrapped lines kept together."""
    start = 0
    for match in _BREAK.finditer(text):
        line = text[start : match.start()].rsplit("\n", 1)[-1]
        after = text[match.end() : match.end() + 1]
        wrapped = match.group().count("\n") == 1 and len(line) >= _WRAPPED and after.isalnum()
        if wrapped and line.rstrip()[-1:] not in ".!?:;":
            continue
        yield start, match.start()
        start = match.end()
    yield start, len(text)


def _abbreviates(text: str, start: int, stop: int, end: int) -> bool:
    """Whether the full stop at ``stop`` belongs to an abbreviation inside its sentence."""
    if not _ABBREVIATION.search(text[max(start, stop - 12) : stop + 1]):
        return False
    return not _OPENS.match(text, end)


def split(text: str) -> Iterator[Sentence]:
    """Every sentence that ends in a full stop, a question mark or an exclamation mark."""
    for block_start, block_end in _blocks(text):
        if block_end - block_start < MIN_CHARS:
            continue
        start = block_start
        for match in _END.finditer(text, block_start, block_end):
            if match.group()[0] == "." and _abbreviates(text, start, match.start(), match.end()):
                continue
            while start < match.end() and text[start].isspace():
                start += 1
            yield Sentence(text[start : match.end()], start, match.end())
            start = match.end()


def stands_alone(sentence: str) -> bool:
    """Whether a reader who sees nothing else would understand the sentence."""
    if not MIN_CHARS <= len(sentence) <= MAX_CHARS or not sentence[0].isupper():
        return False
    if sentence[-1] not in '.”"])' or _HEAD.match(sentence):
        return False
    plain = _SPACED_CITE.sub("", _MONEY.sub("", sentence))
    if _NOISE.search(plain) or _PERSON.search(sentence) or _POINTS_AWAY.search(sentence):
        return False
    words = _WORD.findall(sentence)
    if not MIN_WORDS <= len(words) <= MAX_WORDS:
        return False
    if len(_SPEECH.findall(sentence)) % 2 or sentence.count("(") != sentence.count(")"):
        return False
    lower = sum(word.islower() for word in words)
    return lower * 10 >= len(words) * 3 and len(_ALL_CAPS.findall(sentence)) <= 3
