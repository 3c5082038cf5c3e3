"""Whether a question makes sense without its document, as far as its words show it.

    According to the passage, who won?        points at the document
    What did he do after the battle?          a pronoun that nothing in the question stands for
    Is the Danube longer than the Rhine?      polar: yes or no can be guessed

Makes the words that give it away; reads and writes nothing.
"""

from __future__ import annotations

import re

_PAGE = (
    r"(?:passage|text|document|excerpt|paragraph|article|section|figure|table|page|snippet|chapter"
    r"|essay|extract|context|report|review|web ?site|sentence|quote|abstract|reading|content"
    r"|material|information|source|story|summary|post|blog|entry|write-?up|screenshot|image"
    r"|diagram|graph|chart|map|picture|photo|example|study)s?"
)
_ADJECTIVE = (
    r"(?:(?:above|below|given|provided|following|present|current|same|accompanying|first|last"
    r"|second|final|next|previous|preceding|opening|source|original)[ -])?"
)
_TELLS = (
    r"(?:says?|states?|mentions?|describes?|talks? about|discuss(?:es)?|refers? to|suggests?"
    r"|indicates?|tells?|claims?|notes?|explains?|lists?|gives?|names?|reports?|argues?|shows?)"
)
_TOLD = (
    r"(?:mentioned|described|discussed|listed|shown|given|stated|named|cited|referred to|noted"
    r"|explained|presented|provided|outlined|reported|depicted|specified|quoted|indicated|written)"
)
_THE = r"(?:the|this|that|these|those|our|your)"
_POINTERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # Not `in the text of the treaty`, whose text is what is asked about.
        rf"\b(?:according to|based (?:up)?on|as per|per|in|from|throughout|within|by|of) {_THE}"
        rf" {_ADJECTIVE}{_PAGE}\b(?! (?:of|for|that|which|in)\b| \d)(?!['’]s\b)",
        rf"\b{_THE} {_ADJECTIVE}{_PAGE} (?:(?:also|here|above|below) )?(?:does |do |did )?"
        rf"(?:not )?{_TELLS}\b",
        rf"\b(?:this|the (?:above|following|given|provided|accompanying|preceding|previous))"
        rf" (?:\w+ )?{_PAGE}\b",
        rf"\b{_TOLD} (?:above|below|here|earlier|previously|in (?:the|this) (?:\w+ )?{_PAGE})\b",
        r"\b(?:according to )?(?:the|this) (?:author|writer|narrator|reviewer|poster)s?\b(?! of\b)",
        rf"\bread(?:ing)? (?:the|this) (?:\w+ )?{_PAGE}\b",
    )
)
_AUXILIARY = (
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|must|am)"
    r"(?:n['’]t| not)?"
)
_POLAR = re.compile(rf"^\W*(?:and |but |so |then |also )?{_AUXILIARY}\b", re.IGNORECASE)
_ASKS_MORE = re.compile(
    r"\b(?:what|which|who|whom|whose|when|where|why|how)\b|\bor\b", re.IGNORECASE
)
_PRONOUN = re.compile(
    r"\b(?:he|she|they|him|her|them|his|hers|their|theirs|it|its)\b", re.IGNORECASE
)
# `it` that stands for nothing: "is it likely that", "how long does it take to", "it rained".
_EMPTY_IT = re.compile(
    r"it (?:\w+ ){0,4}?(?:to|that|for|how|if|when|whether|like|called|possible|mean|means|cost"
    r"|costs|take|takes|took|rain|snow)\b",
    re.IGNORECASE,
)
# What is asked for names nothing that a pronoun could stand for: "In what year did he".
_WH_PHRASE = re.compile(
    r"\W*(?:\w+ )?(?:(?:what|which|whose|who|whom|when|where|why)\b"
    r"(?: (?:kind|type|sort|number|amount)s? of)?(?: \w+){0,2}?|how(?: \w+){0,3}?)"
    rf" (?={_AUXILIARY}\b)",
    re.IGNORECASE,
)
_EMPTY = (
    "what who whom whose when where why how which in on at for to from of by with about into is are"
    " was were do does did has have had can could will would should may might must be been the a an"
    " and but so then also not other else all both each first last name time after before during"
    " until since while because that if as than long many much"
)
_EMPTY_WORDS = frozenset(_EMPTY.split())
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


def pointer(question: str) -> str | None:
    """The words by which a question points at its document."""
    for pattern in _POINTERS:
        match = pattern.search(question)
        if match:
            return match[0]
    return None


def is_polar(question: str) -> bool:
    """Whether a question can be answered by yes or no."""
    opening = _POLAR.match(question)
    return bool(opening) and not _ASKS_MORE.search(question, opening.end() if opening else 0)


def dangling_reference(question: str) -> str | None:
    """A pronoun before which the question names nothing that it could stand for."""
    opening = _WH_PHRASE.match(question)
    begin = opening.end() if opening else 0
    for match in _PRONOUN.finditer(question):
        if match[0].lower() == "it" and _EMPTY_IT.match(question, match.start()):
            continue
        before = _WORD.findall(question[begin : match.start()])
        if any(word.lower() not in _EMPTY_WORDS for word in before):
            continue
        # A name may follow: "After his return, what did Darwin write?"
        if not re.search(r"\W[A-Z][a-z]+", question[match.end() :]):
            return match[0]
    return None
