"""Words that carry what a question is about, and words that only ask, join or point.

Makes the content words of a text's words; reads and writes nothing. A careless paraphrase changes
how something is asked ("what number of" for "how many", "work out" for "find"), joins clauses
otherwise or takes the next best word; what is asked about stays. So the first kind is left out
when questions are compared, and words of the second kind that stand for each other are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

# Words that make a question or a task of a sentence.
_ASKING = """
    what which who whom whose when where why how find determine compute calculate evaluate simplify
    solve prove write choose select name identify explain describe state give complete answer
    estimate express assess establish
"""
# Left out too: they join, point, count or are polite, in any order and number.
_JOINING = """
    a an the this that these those it its they them their theirs he him his she her hers i me my we
    us our you your yours one ones there here such so than then too also addition additionally plus
    and or but nor if suppose supposing assume assuming let given consider whether though although
    while whilst because since as at by in within inside into on upon onto of off for per from to
    toward towards with without using used uses employing employ wherein through throughout
    about roughly approximately nearly around is are was were be been being am do does did done has
    have had having can could may might must shall should will would exist exists please kindly
    want wants wish wishes like likes need needs number numbers count counts amount amounts
    quantity quantities total overall many much work works out following listed below above
    situation question statement statements true correct accurate accurately
"""
ASKING = frozenset(_ASKING.split())
_LEFT_OUT = ASKING.union(_JOINING.split())
# Words that stand for each other; the first stands for all.
_ALIKE = """
    each every
    function routine method procedure program
    people persons person
    money cash
    large big larger
    largest biggest greatest
    small little
    smallest tiniest
    likely probable probably
    begin start starts begins
    began started
    make makes made earn earns earned produce produces produced
    show shows display displays demonstrate demonstrates shown
    call called named termed
    often frequently
    best finest
    first initial initially
    last final finally
    also additionally
    buy buys bought purchase purchases purchased
    build builds built construct constructs constructed
    get gets got obtain obtains obtained receive receives received
    help helps aid aids
    house home
    job task
    jobs tasks
    kid kids child children
    student students pupil pupils
    shop store
    shops stores
    speed velocity
    cost costs price prices
    pay pays paid spend spends spent
    part portion
    kind sort type
    way manner
    same identical equal
    different distinct
    important vital
    change changes alter alters
    happen happens occur occurs
    use utilize
    father dad
    mother mom
    friend pal
    friends pals
    city town
    company firm
    country nation
    movie film
    whole entire
    several some
    end ending
    left remaining
    more additional
    fewer less
    another other
    between among
"""
_FIRST = {
    word: alike[0] for line in _ALIKE.split("\n") if (alike := line.split()) for word in alike
}


def content_word(word: str) -> str:
    """The word that stands for this one; empty if it is left out."""
    return "" if word in _LEFT_OUT else _FIRST.get(word, word)


def content_words(tokens: Iterable[str]) -> list[str]:
    """The content words among words, in order."""
    return [found for token in tokens if (found := content_word(token))]


def asks(tokens: Iterable[str]) -> bool:
    """Whether one of the words asks."""
    return not ASKING.isdisjoint(tokens)


class Standing(NamedTuple):
    """Listed words, and for each the word that stands for it, or nothing."""

    words: Sequence[str]
    others: Sequence[str]


@lru_cache(maxsize=1)
def standing() -> Standing:
    """All words that are left out or stand for another."""
    listed = sorted(word for word in {*_LEFT_OUT, *_FIRST} if content_word(word) != word)
    return Standing(listed, [content_word(word) for word in listed])
