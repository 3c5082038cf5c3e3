"""Phrases of a question: names, heads, and what would hang in the air outside its document.

Reads a phrase; writes nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache

from webscale_dagster.llm.verbs import word_set

MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
# Things there is only one of, so that "the X" needs no context.
UNIQUE = word_set(
    "world earth sun moon universe equator sea ocean atmosphere sky internet bible quran "
    "koran human heart brain liver stomach pancreas spleen kidneys lungs spine retina cornea "
    "cerebellum cerebrum hypothalamus thalamus hippocampus medulla diaphragm aorta esophagus "
    "trachea pharynx larynx skull femur tibia pelvis thyroid pituitary placenta uterus "
    "bladder prostate gallbladder renaissance enlightenment solar milky periodic soviet roman "
    "bloodstream"
)
# Words that make a definite phrase stand in mid-question, if only as part of a fixed phrase.
FIXED = UNIQUE | word_set(
    "skin eye ear nose mouth tongue nucleus past future present environment public number "
    "amount percentage average lack presence absence study process ability act art branch use "
    "end beginning north south east west northeast northwest southeast southwest northern "
    "southern eastern western early mid late term name nervous digestive immune respiratory "
    "circulatory blood body cell time age"
)
_ORDERED = re.compile(r"\b(?:of|to|in|that|who|which)\b|(?:at|on|for|by) [A-Z]")
_ORDINALS = word_set("first second third fourth fifth last only")
_DEFINITE = re.compile(r"\b[Tt]he (?=((?:[a-z]+[ -]){0,3}[a-z]+)\b([^a-z]|$)(.{0,24}))")
_POSTMODIFIED = re.compile(
    r"^(?:of|that|which|who|whose|where|in which|by which|for which|to which|at which|between|"
    r"used to)\b"
    r"|^(?:for|from|in|on|at|to|through|against|with|by) (?:the )?[A-Z]"
)
_ANOTHER_PHRASE = re.compile(r"\b(?:over|during|within|through|by|with) (?:an?|the)\b")
_DANGLING = re.compile(
    r"\b(?:it|they|them|themselves|he|she|him|this|these|those|such|here|there(?! (?:are|were|"
    r"is|was))|"
    r"another|others?|same|said|latter|former|previous|aforementioned|that (?:time|year|day|"
    r"point|period|date|month|same|case|decade)|(?:of|in|to|at|for|by|from|on|"
    r"about) that [a-z]+|the entire|the whole|last (?:year|week|month|night)|now|today|"
    r"currently|recently|"
    r"ago|yesterday|tomorrow|present-day|respectively|etc|however|therefore|thus|hence|moreover|"
    r"furthermore|instead|meanwhile|i|we|you|my|our|your|me|us|so|too|yet|above|below|"
    r"the following|"
    r"both|either|neither|similar|again|earlier|later|further|"
    r"next|resulting|upcoming|recent|latest|current|planned|the rest|several|"
    r"(?<!or )more(?! than)|various|certain|additional|numerous|"
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|remainder|remaining|given|first formulation|"
    r"like this)\b",
    re.IGNORECASE,
)
_ROLES = (
    "Company|Group|Board|Commission|Council|Mayor|Committee|Department|Director|Secretary|Agency|"
    "Corporation|Trust|Fund|Plan|Act|Court|User|Users|Challenge|Program|Programme|Project|"
    "Registrant|"
    "Partnership|Bank|Notes|Agreement|Section|Advisory|Tax|Executive|Chairman|Chief|Officer|"
    "District|"
    "State|City|County|Authority|Office|Administrator|President|Governor|Senate|House|Bill|Order|"
    "Directors|Trustees|Regents|Governors|Commissioners|Superintendent|Commissioner|Chairperson|"
    "University|College|School|Institute|Association|Society|Club|Church|Party|Government|"
    "King|Queen|"
    "Prince|Princess|Emperor|Duke|Count|Lord|Lady|Captain|General|Colonel|Doctor|Professor|Member|"
    "Members|Party|Team|Union|Army|Navy|Treaty|Constitution|Congress|Parliament|Report|"
    "Survey|Study|"
    "Center|Centre|Ministry|Service|Bureau|Foundation|Museum|Library|Hospital|Division|"
    "Segment|Merger|"
    "National|Supreme|Federal|Central|Assembly|Opposition|Minister|Prime|Royal|Legislature|"
    "Framework|Guide|Guidelines|Standard|Initiative|Playbook|Toolkit|Strategy|Summit|Force|"
    "Market|Property|Premises|Site|Building|Hotel|Owner|Licensee|Applicant|Employer|Tenant|"
    "Acquisition|Offering|Credit|Facility|Loan|Lease|Seller|Buyer|Purchaser|Lender|Borrower|Issuer"
)
_ROLE = re.compile(
    rf"\b[Tt]he (?:{_ROLES})\b(?:,? (?:(?:of|and|on|for|"
    rf"the) )*(?:{_ROLES})\b)*(?! (?:of )?(?:the )?[A-Z])"
)
_TRAILING_FRAGMENT = re.compile(
    r"\b(?:of|in|on|at|by|for|to|from|with|and|or|the|a|an|as|that|which|who|whose|than|about|into|"
    r"is|are|was|were|be|been|has|have|had|its|their|his|her|between|under|over|during|but|if|"
    r"through|after|before|against|around|approximately|roughly|some|up|more|less|nearly|almost|"
    r"not|also|where|when|while|because|per|since|until|through|such|called|known|named)$"
)
_CONNECTORS = word_set(
    "of the de la le du da di del der den von van and for in on y al el bin ibn to"
)


def squeeze(text: str) -> str:
    """One space for every run of white space."""
    return " ".join(text.split())


def words(phrase: str) -> list[str]:
    """Lower-case content words of a phrase, for leakage."""
    return re.findall(r"[a-z0-9]+(?:['’][a-z]+)?", phrase.lower())


def is_name(phrase: str) -> bool:
    """A proper name: capitalised words, joined by "of", "the", "de" ...; at most eight words."""
    parts = phrase.replace(",", "").split()
    if not 1 <= len(parts) <= 8:
        return False
    heads = [part for part in parts if part.lower() not in _CONNECTORS or part[0].isupper()]
    body = [part for part in heads if part not in ("The", "A", "An")]
    if not body or parts[-1].lower() in _CONNECTORS:
        return False
    return all(part[0].isupper() or part[0].isdigit() for part in body) and any(
        part[0].isupper() for part in body
    )


def hangs(phrase: str) -> str | None:
    """Why a question with this phrase would need its document, or None."""
    found = _DANGLING.search(phrase) or _ROLE.search(phrase)
    if found:
        return found.group().lower()
    for match in _DEFINITE.finditer(phrase):
        noun, after = match.group(1).split(), match.group(2) + match.group(3)
        if _definite_stands(noun, after):
            continue
        return "the " + match.group(1)
    return None


def _definite_stands(noun: list[str], after: str) -> bool:
    """Whether "the NOUN ..." identifies its thing: unique, superlative, a named or modified one."""
    for index, word in enumerate(noun):
        bare = word.split("-")[0]
        if index == 0 and bare in FIXED:
            return True
        if index == 0 and bare in _ORDINALS:
            return bool(_ORDERED.search(" ".join(noun) + after))
        if index and _POSTMODIFIED.match(" ".join(noun[index:]) + after):
            return True
    if re.match(r"^ [A-Z]", after) and not {"a", "an", "the"} & set(
        noun
    ):  # the planet Mars, the French army
        return True
    if _ANOTHER_PHRASE.search(" ".join(noun)):
        return False  # "the subcontinent over a period of": the "of" is the period's
    return bool(_POSTMODIFIED.match(after.strip()))


def complete(phrase: str) -> bool:
    """Whether a phrase does not end in the middle of something."""
    return not _TRAILING_FRAGMENT.search(phrase.strip().lower()) and bool(phrase.strip())


@lru_cache(maxsize=4096)
def head_noun(phrase: str) -> str:
    """The head of a noun phrase: its last word before the first preposition or clause."""
    head = re.split(
        r",| (?:of|in|on|at|by|for|from|with|to|that|which|who|whose|between|born|known|based|"
        r"during|"
        r"since|under|against|located|written|directed|and|where|when|used)\b",
        phrase,
    )[0]
    parts = head.split()
    return parts[-1].lower() if parts else ""
