"""A sentence taken apart: subject, verb, rest; and how it turns into a question.

Makes ``Clause`` values from a sentence's text; reads and writes nothing. Only plain main clauses
are taken: subject first, one finite verb that the lexicon knows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from webscale_dagster.llm.phrases import MONTHS, complete, hangs, squeeze
from webscale_dagster.llm.verbs import DOUBTFUL, PARTICIPLE, PAST, PRESENT, word_set

_BE = word_set("is are was were")
_AUXILIARIES = _BE | word_set("has have had can could will would may might must shall should")
_BASES = frozenset(PRESENT.values())
_PARENTHESES = re.compile(r"\s*\([^()]*\)|\s*\[\d{1,3}\]|\s*\[citation needed\]")
_FRONT_TIME = re.compile(
    rf"^((?:In|By) (?:early |late |mid-)?(?:(?:{MONTHS}),? )?[12]\d{{3}}|"
    rf"On (?:{MONTHS}) \d{{1,2}}, [12]\d{{3}}"
    rf"|On \d{{1,2}} (?:{MONTHS}),? [12]\d{{3}}),? "
)
_FRONT_PLACE = re.compile(
    r"^((?:In|On|At|During|Under|Throughout|Within) (?:the )?[A-Z][\w'’.-]*(?: (?:(?:of|the|"
    r"and) )*[A-Z][\w'’.-]*)*), "
)
# "Kepler, a German astronomer, was ...": the name is the subject
_APPOSED = re.compile(
    r"^(?P<name>[A-Za-z][^,]{2,50}), (?:an?|the|later|then|now|son of|daughter of|born|"
    r"also known as|who|which|one of|with|in|on|at|along|near|or|called|founded|built|named|"
    r"opened|located|made|[a-z]+ed|written) [^,]{3,90}, (?!and |or |but )"
)
_FRONT_CASE = re.compile(r"^(In (?:(?:an? )?[a-z-]+ ){1,4}?[a-z-]+), ")
# after these words "measures" and "needs" are verbs
_QUANTIFIED = re.compile(
    r"^(?:an?|the|about|approximately|roughly|nearly|over|almost|only|\d|two|three|four|five|six)"
)
_SUBJECT_STOP = re.compile(
    r"^(?:that|which|who|whom|whose|where|when|while|if|because|whether|how|what|but|or|than)$"
)
_ADVERBS = word_set(
    "also first originally officially formally initially finally eventually subsequently "
    "later then generally usually often typically commonly normally mostly mainly primarily "
    "largely frequently currently widely traditionally historically now still once again "
    "always never already approximately completely fully partly partially successfully"
)
_AFTER_VERB = word_set(
    "a an the his her its their in on at to by for from with of into and or as that about "
    "over under through between against all some two three"
)
_DROPPED = word_set("also then later subsequently eventually still now currently")
# where a main clause may be cut without losing what it says
_CUT = re.compile(
    r", (?:which|who|whom|whose|where) |,? (?:when|while|whereas|although|though|but|because|"
    r"so that) "
    r"|, (?:with|making|after|before|including|such as|followed|based|resulting|leading|"
    r"becoming|causing|allowing|having|being|thus|thereby|despite|due|according|respectively|"
    r"especially|particularly|along|[a-z]+ing|[a-z]+ed)| – | — | -- "
)


@dataclass(frozen=True)
class Clause:
    """``[front] subject adverb verb rest`` of a main clause; ``aux`` is set where it inverts."""

    front: str  # "In 1920", "In France" or nothing
    subject: str
    aux: str  # is, was, has, can ... or nothing for a plain verb
    verb: str  # the finite verb as written, where there is no aux
    adverb: str
    rest: str

    @property
    def is_be(self) -> bool:
        """Whether the verb is a form of "be"."""
        return self.aux in _BE

    def passive(self) -> str | None:
        """The participle right after "be", if there is one."""
        head = self.rest.split(" ", 1)[0] if self.is_be else ""
        return (
            head if head in PARTICIPLE and head not in ("been", "become", "had", "come") else None
        )

    def inverted(self, subject: str, rest: str) -> str:
        """``was the treaty signed in Paris``; ``did Ann write it``."""
        adverb = "" if self.adverb in _DROPPED else self.adverb
        if self.aux in ("has", "have", "had") and not self._perfect():
            aux, verb = {"has": "does", "have": "do", "had": "did"}[self.aux], "have"
        elif self.aux:
            aux, verb = self.aux, ""
        elif self.verb in PAST:
            aux, verb = "did", PAST[self.verb]
        elif self.verb in PRESENT or self.verb in DOUBTFUL:
            aux, verb = "does", PRESENT.get(self.verb) or DOUBTFUL[self.verb]
        else:
            aux, verb = "do", self.verb
        return squeeze(f"{aux} {subject} {adverb} {verb} {rest}")

    def _perfect(self) -> bool:
        head = self.rest.split(" ", 1)[0]
        return head in PARTICIPLE


_SECOND = re.compile(r",? (?:and|or) (?=(\w+))")
_INSIDE = re.compile(r"\b(?:that|which|who|whether|how)\b")
_NEW_SUBJECT = word_set("the a an more most some many about another this these its their one")
_PREPOSED = word_set("in on at by for from with of under to")
_TITLED = word_set("entitled titled named called")
_OPENERS = _AUXILIARIES | word_set("it he she they this these then also later subsequently")


def plain(sentence: str) -> str:
    """The sentence without brackets, line breaks and its full stop."""
    text = squeeze(_PARENTHESES.sub("", sentence))
    return text.rstrip(".").rstrip()


def clause(text: str) -> Clause | None:
    """The main clause of a plain sentence, or None where it is not a simple one."""
    front = ""
    match = _FRONT_TIME.match(text) or _FRONT_PLACE.match(text) or _FRONT_CASE.match(text)
    if match and not hangs(match.group(1)):
        front, text = match.group(1), text[match.end() :]
    tokens = text.split(" ")
    found = _verb_at(tokens)
    if found is None and (apposed := _APPOSED.match(text)):
        tokens = [*apposed.group("name").split(" "), *text[apposed.end() :].split(" ")]
        found = _verb_at(tokens)
    if found is None:
        return None
    subject = " ".join(tokens[:found])
    word = tokens[found]
    adverb = ""
    if subject.split()[-1] in _ADVERBS:
        subject, adverb = subject.rsplit(" ", 1) if " " in subject else ("", "")
    rest = tokens[found + 1 :]
    aux = word if word in _AUXILIARIES else ""
    if aux and rest and (rest[0] in _ADVERBS):
        adverb, rest = rest[0], rest[1:]
    if not subject or not rest or rest[0] in ("not", "n't", "no", "to", "being"):
        return None
    joined = " ".join(rest)
    if not aux and re.match(
        r"by |[^,]*\b(?:is|are|was|were|has|have|had|can|will) ", _cut_tail(joined)
    ):
        return None  # "proteins found in milk are ...": no main verb
    if not aux and rest[0].islower() and rest[0] not in _AFTER_VERB and _second_verb(rest[1:]):
        return None  # "the administered area declared ...": not the main verb either
    if not aux and word in PARTICIPLE and rest[0] in _PREPOSED and _reduced(rest):
        return None
    return Clause(front, subject, aux, "" if aux else word, adverb, joined)


def _reduced(rest: list[str]) -> bool:
    """Whether the "verb" only describes the subject: "the tribunal established in X tried ..."."""
    for token in rest[1:7]:
        if _SUBJECT_STOP.match(token) or token == "and" or token.endswith(","):
            return False
        if token in PAST and token not in ("based", "called", "named", "led"):
            return True
    return False


def _second_verb(tokens: list[str]) -> bool:
    """Whether another past tense follows before the clause can have ended."""
    for token in tokens[:4]:
        if token in _AFTER_VERB or token.endswith(",") or _SUBJECT_STOP.match(token):
            return False
        if token in PAST:
            return True
    return False


def _verb_at(tokens: list[str]) -> int | None:
    """Place of the first finite verb; None where the subject is not a plain noun phrase."""
    for index, token in enumerate(tokens[:14]):
        if _SUBJECT_STOP.match(token) or (token.endswith((",", ":")) and index < 14):
            return None
        if index == 0:
            continue
        following = tokens[index + 1] if index + 1 < len(tokens) else ""
        if token in DOUBTFUL and _QUANTIFIED.match(following):
            return index
        if token in ("do", "does", "did", "get", "gets", "got"):
            return None
        if token in _AUXILIARIES:
            return index
        if token in PAST or token in PRESENT or (token in _BASES and _plural(tokens[index - 1])):
            following = tokens[index + 1] if index + 1 < len(tokens) else ""
            if following in _AUXILIARIES or following in PAST or following in PRESENT:
                continue  # a noun that looks like a verb: "blood tests show"
            return index
    return None


def _plural(word: str) -> bool:
    return word.endswith("s") and not word.endswith(("ss", "us", "is", "'s", "’s"))


def _cut_tail(rest: str) -> str:
    return re.split(
        r",? (?:that|which|who|when|where|and|because|as|if|but|although|while) ", rest
    )[0]


def _second_clause(tokens: list[str]) -> bool:
    """Whether a finite verb follows before anything subordinate."""
    for token in tokens:
        if _SUBJECT_STOP.match(token) or token == "and" or token.endswith(","):
            return False
        if token in PAST or token in _AUXILIARIES:
            return True
    return False


def shorten(rest: str) -> str:
    """The rest of a clause up to the first subordinate or coordinated clause."""
    cut = len(rest)
    for match in _CUT.finditer(rest):
        word = match.group().strip(" ,")
        before = rest[: match.start()]
        if word.endswith("ed") and (word not in PARTICIPLE or word in _TITLED):
            continue
        if complete(before):
            cut = match.start()
            break
    rest = rest[:cut]
    for second in _SECOND.finditer(rest):
        word, before = second.group(1), rest[: second.start()]
        if _INSIDE.search(before):
            continue
        if word in PRESENT or word in _OPENERS or (word.islower() and word.endswith(("ed", "ly"))):
            return rest[: second.start()].rstrip(",")
        if second.group().startswith(",") and "," not in before and word in _NEW_SUBJECT:
            return before
        if _second_clause(rest[second.end() :].split()[:6]):
            return rest[: second.start()].rstrip(",")
    return rest
