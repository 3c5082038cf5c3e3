"""Subjects of sentences: spelling of first words, full forms of names, and what is specific.

Reads a document's text and title; writes nothing.
"""

from __future__ import annotations

import re
from itertools import pairwise

from webscale_dagster.llm.lexicon import NOT_PEOPLE
from webscale_dagster.llm.phrases import (
    UNIQUE,
    complete,
    hangs,
    head_noun,
    is_name,
    squeeze,
)
from webscale_dagster.llm.verbs import DOUBTFUL, PAST, PRESENT, word_set

_POSSESSIVE = re.compile(r"\b(?:its|his|her|their|theirs|hers)\b", re.IGNORECASE)
_DETERMINER = re.compile(r"^(?:[Tt]he|[Aa]n?|[Ee]very|[Ee]ach) ")
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
        self._raw_title = title or ""  # with what tells it apart: "Henry (singer)"
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
        return lower not in UNIQUE and bool(re.search(rf"\b{lower}s?\b", self.text))

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
        if re.fullmatch(
            r"(?:(?:Mr|Mrs|Ms|Miss|Dr|Prof|Lt|Col|Capt|Gen|Sgt|Rev|Hon|Sen|Rep)\.? )+[\w-]+", phrase
        ):
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
        if named or rest[0] in UNIQUE or rest[0].endswith("est"):
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
        common = self.is_proper(word) is False
        full = None if common or word in KNOWN_NAMES else self.full_name(word)
        if full:
            return full
        if word.isupper() and re.search(
            rf"\b(?:President|Minister|King|Queen) {word}\b", self.text
        ):
            return None  # a surname in capitals
        proper = self.is_proper(word)
        if proper is False:
            return word.lower()
        known = (
            word in KNOWN_NAMES
            or word == self._raw_title
            or re.fullmatch(r"[A-Za-z0-9-]*[A-Z0-9][A-Za-z0-9-]*", word[1:])
        )
        return word if known else None

    def full_name(self, word: str) -> str | None:
        """``Foster`` -> ``Fred Foster`` where title or text say so, and only one way."""
        title = self.title.split()
        if not word[0].isupper() or _NO_SURNAME.search(word) or word.lower() in NOT_PEOPLE:
            return None  # organisations and ideas have no given name
        if 2 <= len(title) <= 4 and title[-1] == word and is_name(self.title):
            return self.title
        found = set(
            re.findall(
                rf"\b((?:[A-Z][a-z]+ )(?:[A-Z]\. |[A-Z][a-z]+ )?{re.escape(word)})\b", self.text
            )
        )
        found = {name for name in found if self._may_open_a_name(name.split()[0])}
        if word in title:
            found = {name for name in found if name in self.title}
        if len(found) != 1:
            return None
        name = found.pop()
        # a person is named in full first; a later full name may be a relative's
        alone = re.search(rf"(?<![\w-]){re.escape(word)}\b", self.text)
        first = self.text.find(name)
        return name if name in self.title or (alone and alone.start() > first) else None

    def _may_open_a_name(self, first: str) -> bool:
        lower = first.lower()
        if first.endswith("ing") or first in KNOWN_NAMES or _is_nationality(first):
            return False
        return first not in _NOT_FIRST_NAMES and not re.search(rf"\b{lower}\b", self.text)


_NO_SURNAME = re.compile(r"(?:olog(?:y|ies)|ism|isms|ity|tion|ment|ness|ics|ship|hood)$")


# "German", "Italian" but not "Brian": the stem of a country's name in front of the ending
def _is_nationality(word: str) -> bool:
    return word.endswith(("an", "ese", "ish")) and any(
        name.startswith(word[:4]) for name in KNOWN_NAMES
    )


_NOT_FIRST_NAMES = word_set(
    "English Irish Scottish Spanish Danish Swedish Polish Finnish Islamic Catholic Arabic Nordic "
    "Celtic Baltic Slavic Olympic Dutch French Greek Swiss Welsh Czech Arab Israeli Korean "
    "Norwegian Persian Victorian Anglican Lutheran Republican Soviet Jewish Muslim Protestant "
    "Christian Roman Norman American European "
    "About Over Into Why How What When Where Who Which Meet Inside Part The A An In On At By "
    "For From Of And But As After Before When While During Since With To "
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
