"""Noun phrases: what may be asked about, and what would hang in the air outside its document.

Reads a phrase, and the document's text for the spelling and full form of names; writes nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from webscale_dagster.llm.verbs import DOUBTFUL, PAST, PRESENT, word_set

MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
# Things there is only one of, so that "the X" needs no context.
_UNIQUE = word_set(
    "world earth sun moon universe equator sea ocean atmosphere sky internet bible quran "
    "koran human heart brain liver stomach pancreas spleen kidneys lungs spine retina cornea "
    "cerebellum cerebrum hypothalamus thalamus hippocampus medulla diaphragm aorta esophagus "
    "trachea pharynx larynx skull femur tibia pelvis thyroid pituitary placenta uterus "
    "bladder prostate gallbladder renaissance enlightenment solar milky periodic soviet roman "
    "bloodstream"
)
# Words that make a definite phrase stand in mid-question, if only as part of a fixed phrase.
_FIXED = _UNIQUE | word_set(
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
_DANGLING = re.compile(
    r"\b(?:it|they|them|themselves|he|she|him|this|these|those|such|here|there(?! (?:are|were|"
    r"is|was))|"
    r"another|others?|same|said|latter|former|previous|aforementioned|that (?:time|year|day|"
    r"point|period|date|month|same|case|decade)|(?:of|in|to|at|for|by|from|on|"
    r"about) that [a-z]+|now|today|currently|recently|"
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
    "Partnership|Bank|Notes|Agreement|Section|Advisory|Tax|Executive|Chairman|Chief|Officer|District|"
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
_POSSESSIVE = re.compile(r"\b(?:its|his|her|their|theirs|hers)\b", re.IGNORECASE)
_DETERMINER = re.compile(r"^(?:[Tt]he|[Aa]n?|[Ee]very|[Ee]ach) ")
_TRAILING_FRAGMENT = re.compile(
    r"\b(?:of|in|on|at|by|for|to|from|with|and|or|the|a|an|as|that|which|who|whose|than|about|into|"
    r"is|are|was|were|be|been|has|have|had|its|their|his|her|between|under|over|during|but|if|"
    r"through|after|before|against|around|approximately|roughly|some|up|more|less|nearly|almost|"
    r"not|also|where|when|while|because|per|since|until|through|such|called|known|named)$"
)
_CONNECTORS = word_set(
    "of the de la le du da di del der den von van and for in on y al el bin ibn to"
)
_COMMON_STARTERS = word_set(
    "symptoms signs effects copies episodes attacks doses therapy tests costs fees prices "
    "rates terms players users visitors guests candidates programs employers customers "
    "reports sales people scientists researchers studies study patients students teachers "
    "authors results data findings evidence children women men participants subjects users "
    "members companies company managers workers officials critics experts authorities "
    "residents citizens countries states historians scholars economists psychologists "
    "physicians doctors nurses farmers consumers firms businesses investors customers "
    "employees things something everyone anyone someone nothing everything others today work "
    "much more less part parts analysis treatment chapter section mayor council district "
    "board commission committee department agency court act subsection paragraph title person "
    "applicant owner director office amount provision contributors accountants approximately "
    "about over nearly around almost roughly interestingly unfortunately additional different "
    "various certain numerous further similar other previous recent early late new old large "
    "small high low good bad total general common typical average major main key important "
    "interesting local current modern"
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
        if index == 0 and bare in _FIXED:
            return True
        if index == 0 and bare in _ORDINALS:
            return bool(_ORDERED.search(" ".join(noun) + after))
        if index and _POSTMODIFIED.match(" ".join(noun[index:]) + after):
            return True
    if re.match(r"^ [A-Z]", after):  # the planet Mars, the French army
        return True
    return bool(_POSTMODIFIED.match(after.strip()))


def complete(phrase: str) -> bool:
    """Whether a phrase does not end in the middle of something."""
    return not _TRAILING_FRAGMENT.search(phrase.strip().lower()) and bool(phrase.strip())


_CITATION = re.compile(
    r"§|\b(?:Act|Code|Regulations?|Statute|Constitution|Terms of Service|Privacy Statement|"
    r"Privacy Policy|Agreement|Rules|Directive|Treaty|Charter)\b"
)


def is_plural_like(word: str) -> bool:
    """Whether a word ends like a plural."""
    return word.endswith("s") and not word.endswith(("ss", "us", "is"))


def _clause_inside(parts: list[str]) -> bool:
    """Whether a "subject" hides a clause: "Kamala Harris claims Trump's tariffs"."""
    return any(
        (word in PRESENT or word in DOUBTFUL) and after[0].isupper()
        for word, after in pairwise(parts[1:])
    )


class Names:
    """Spelling of first words and full forms of names, from one document."""

    def __init__(self, text: str, title: str | None) -> None:
        """Keeps the text; looks things up when asked."""
        self.text = text
        self.title = squeeze(re.sub(r"\s*\([^)]*\)", "", title)) if title else ""
        self.citation = self.title if _CITATION.search(self.title) and len(self.title) < 90 else ""
        self._noun: str | None = None
        self._proper: dict[str, bool | None] = {}

    def is_proper(self, word: str) -> bool | None:
        """Whether a sentence-initial word is a name; None when the document does not tell."""
        if word not in self._proper:
            self._proper[word] = self._look_up(word)
        return self._proper[word]

    def is_generic(self, phrase: str) -> bool:
        """Whether "the PHRASE" only takes up what "a PHRASE" has introduced."""
        first, head = phrase.split()[0], phrase.split()[-1]
        if first in _COMMON_STARTERS or head in _COMMON_STARTERS or is_plural_like(head):
            return True
        return bool(
            re.search(rf"\b(?:[Aa]n?|this|these|such) (?:[\w-]+ )?{re.escape(head)}\b", self.text)
        )

    def is_common(self, word: str) -> bool:
        """Whether the document also writes a capitalised word in lower case."""
        lower = word.lower()
        return lower not in _UNIQUE and bool(re.search(rf"\b{lower}s?\b", self.text))

    def _look_up(self, word: str) -> bool | None:
        bare = re.sub(r"['’]s$", "", word)
        if any(c.isupper() or c.isdigit() for c in bare[1:]) or bare in KNOWN_NAMES:
            return True
        lower = bare.lower()
        if lower in PAST or lower in PRESENT or lower in _COMMON_STARTERS:
            return False
        common = len(re.findall(rf"(?<![./@#])\b{re.escape(lower)}\b(?!\.\w)", self.text))
        proper = len(re.findall(rf"[a-z,] {re.escape(bare)}\b", self.text))
        if common == proper:
            return None
        return proper > common

    def subject(self, phrase: str) -> str | None:
        """The phrase as it stands in mid-sentence, in full; None when it is not specific."""
        phrase = squeeze(phrase)
        parts = phrase.split()
        if not parts or len(parts) > 9 or _POSSESSIVE.search(phrase) or hangs(phrase):
            return None
        if not complete(phrase) or "," in phrase:
            return None
        if re.search(r"(?<!of )\d{4}$", phrase):
            return None
        if re.search(r"\d\.|[&/]|[a-z] \d+(?!\d*th)\b(?<!of \d{4})", phrase) and not is_name(
            phrase
        ):
            return None
        if re.search(r"\d\.|[&/]|^[a-z].*[A-Z][a-z]+[’']s ", phrase) or _clause_inside(parts):
            return None
        first = parts[0]
        if first in ("The", "A", "An", "Every", "Each"):
            return self._determined(first, parts[1:])
        if len(parts) == 1:
            return self._single(first)
        if first.lower() in _COMMON_STARTERS or first.lower() in PREPOSITIONS:
            return None
        if re.fullmatch(r"(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.? [\w-]+", phrase):
            return None
        if re.fullmatch(r"[A-Z][a-z]+ \d{1,3}", phrase) and self.is_proper(first):
            return phrase
        if is_name(phrase) and sum(part[0].isupper() for part in parts) >= 2:
            return phrase
        if parts[1][0].isupper() and parts[1].lower() not in _COMMON_STARTERS:
            return phrase
        proper = self.is_proper(first)
        if proper is None and parts[-1] in _EPONYMOUS:
            proper = True
        if proper is None:
            return None
        return phrase if proper else first[0].lower() + phrase[1:]

    def _determined(self, first: str, rest: list[str]) -> str | None:
        if not rest:
            return None
        if first != "The":
            return " ".join([first.lower(), *rest])
        if len(rest) == 1 and rest[0] == self._title_noun():
            return f"the {rest[0]} {self.title}"
        title = self.title.split()
        if (
            len(rest) == 1
            and 2 <= len(title) <= 4
            and title[-1].lower() == rest[0]
            and is_name(self.title)
        ):
            return f"the {self.title.removeprefix('The ')}"  # the canal: the Suez Canal
        named = [part for part in rest if part[0].isupper() and len(part) > 1]
        if rest[0][0].isupper() and named:
            if len(rest) == 1 and self.is_proper(rest[0]) is None:
                return None
            return " ".join(["the", *rest])
        if named or rest[0] in _UNIQUE or rest[0].endswith("est"):
            return " ".join(["the", *rest])
        if "of" in rest and rest[0] in _MEASURED_THINGS and rest[rest.index("of") + 1 :]:
            after = rest[rest.index("of") + 1]
            return " ".join(["the", *rest]) if after not in ("the", "its", "their", "a") else None
        return None

    def _title_noun(self) -> str | None:
        """``film`` when the text opens "TITLE is a 1942 film ...": then "the film" is TITLE."""
        if self._noun is None:
            self._noun = ""
            opening = squeeze(self.text[:600])
            found = re.search(
                rf"{re.escape(self.title)}\b[^.]{{0,60}}? (?:is|was) an? ([^.,]{{3,90}})", opening
            )
            if self.title and found and is_name(self.title):
                noun = head_noun(found.group(1))
                self._noun = noun if noun in _TITLED_THINGS else ""
        return self._noun or None

    def _single(self, word: str) -> str | None:
        if word.lower() in _COMMON_STARTERS or word.lower() in PREPOSITIONS or len(word) < 3:
            return None
        full = None if word in KNOWN_NAMES else self.full_name(word)
        if full:
            return full
        proper = self.is_proper(word)
        if proper is False:
            return word.lower()
        known = (
            word in KNOWN_NAMES
            or word in self.title.split()
            or re.fullmatch(r"[A-Za-z0-9-]*[A-Z0-9][A-Za-z0-9-]*", word[1:])
        )
        return word if known else None

    def full_name(self, word: str) -> str | None:
        """``Foster`` -> ``Fred Foster`` where title or text say so, and only one way."""
        title = self.title.split()
        if 2 <= len(title) <= 4 and title[-1] == word and is_name(self.title):
            return self.title
        found = set(
            re.findall(
                rf"\b((?:[A-Z][a-z]+ )(?:[A-Z]\. |[A-Z][a-z]+ )?{re.escape(word)})\b", self.text
            )
        )
        found = {name for name in found if self._may_open_a_name(name.split()[0])}
        return found.pop() if len(found) == 1 else None

    def _may_open_a_name(self, first: str) -> bool:
        lower = first.lower()
        return first not in _NOT_FIRST_NAMES and not re.search(rf"\b{lower}\b", self.text)


_NOT_FIRST_NAMES = word_set(
    "The A An In On At By For From Of And But As After Before When While During Since With To "
    "Under If Mr Mrs Ms Dr Prof Sir Lord Lady King Queen President General Captain North "
    "South East West Northern Southern Eastern Western New Old Greater Great Upper Lower "
    "Central Both Today Although Though Because However Whilst Whereas Miss Saint Professor "
    "Captain Colonel Major Senator Judge Justice Duke Prince Princess Count Countess Pope "
    "Bishop Cardinal Father Mother Uncle Aunt Modern Early Ancient Most Many Some All Until "
    "Despite Unlike Like"
)
_MEASURED_THINGS = word_set(
    "speed density mass boiling melting freezing atomic half-life temperature age diameter "
    "radius distance length weight study process prevalence incidence lifetime chemical "
    "average"
)
_TITLED_THINGS = word_set(
    "film movie song album single novel book play opera poem series show sitcom game painting "
    "comic magazine newspaper band village town city river lake island mountain bridge castle "
    "church cathedral museum school college university station airport hospital ship aircraft "
    "battle treaty festival tournament company club team party station programme"
)
_EPONYMOUS = word_set("syndrome disease disorder law principle effect theorem")
PREPOSITIONS = word_set(
    "in on at by for from of with to under over during since after before between among "
    "within without through across against about around near as per upon into onto off out up "
    "down beyond behind beneath besides except until till toward towards via because although "
    "while when if where whereas unlike like despite given having being"
)
KNOWN_NAMES = word_set(
    "Africa Asia Europe America Australia Antarctica Afghanistan Albania Algeria Andorra "
    "Angola Argentina Armenia Austria Azerbaijan Bahrain Bangladesh Barbados Belarus Belgium "
    "Belize Benin Bhutan Bolivia Botswana Brazil Brunei Bulgaria Burundi Cambodia Cameroon "
    "Canada Chad Chile China Colombia Croatia Cuba Cyprus Denmark Djibouti Dominica Ecuador "
    "Egypt Eritrea Estonia Eswatini Ethiopia Fiji Finland France Gabon Georgia Germany Ghana "
    "Greece Grenada Guatemala Guinea Guyana Haiti Honduras Hungary Iceland India Indonesia "
    "Iran Iraq Ireland Israel Italy Jamaica Japan Jordan Kazakhstan Kenya Kiribati Kosovo "
    "Kuwait Kyrgyzstan Laos Latvia Lebanon Lesotho Liberia Libya Liechtenstein Lithuania "
    "Luxembourg Madagascar Malawi Malaysia Maldives Mali Malta Mauritania Mauritius Mexico "
    "Micronesia Moldova Monaco Mongolia Montenegro Morocco Mozambique Myanmar Namibia Nauru "
    "Nepal Netherlands Nicaragua Niger Nigeria Norway Oman Pakistan Palau Panama Paraguay "
    "Peru Philippines Poland Portugal Qatar Romania Russia Rwanda Samoa Senegal Serbia "
    "Seychelles Singapore Slovakia Slovenia Somalia Spain Sudan Suriname Sweden Switzerland "
    "Syria Taiwan Tajikistan Tanzania Thailand Togo Tonga Tunisia Turkey Turkmenistan Tuvalu "
    "Uganda Ukraine Uruguay Uzbekistan Vanuatu Venezuela Vietnam Yemen Zambia Zimbabwe "
    "Britain England Scotland Wales London Paris Rome Berlin Vienna Madrid Moscow Tokyo "
    "Beijing Chicago Boston Congress Parliament Christianity Islam Judaism Buddhism Hinduism "
    "Mercury Venus Mars Jupiter Saturn Uranus Neptune Pluto Napoleon Shakespeare Einstein "
    "Darwin Galileo Mozart Beethoven Bach Aristotle Plato Socrates Michelangelo Rembrandt "
    "Columbus California Texas Florida Alaska Hawaii Virginia"
)


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
