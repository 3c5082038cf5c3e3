"""The kernels of the published rules against plain Python, on any text."""

from __future__ import annotations

import math
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.text.oracles import published as oracle
from tests.text.oracles.published_words import split_words as split
from tests.text.strategies import texts as any_texts
from webscale_dagster.text.kernels import published_characters as kinds
from webscale_dagster.text.kernels import published_words as kernel
from webscale_dagster.text.kernels.published_exceptions import special_words, units
from webscale_dagster.text.kernels.published_special import SPECIAL, UNIT, look_up, special_table
from webscale_dagster.text.kernels.utf8 import encode
from webscale_dagster.text.published_rules import measures

# What the rules look at: affixes, special words, ends of lines, phrases, whole words repeated.
PIECES = [
    *sorted(special_words()),
    *units(),
    *"abAZéßЖ中ก٣0159",
    *" \n\t\r\x0b\x1c\x85\u2028\xa0",
    *".,:;!?…'’\"”()[]{}<>-–—~/=+*^#%$€§&_|@°²•©\ud800",
    *("US$", "http://", "a.bc", "x_y.Z", "@b.co", ":80", "...", "..", "\n\n", "\r\n", " \n", "  "),
    *("[1]", "[edit]", "[citation needed]", "javascript", "JavaScript", "lorem ipsum", "Privacy "),
    *(
        "policy",
        "uses cookies",
        "use of ",
        "terms of use.",
        " the cat sat. ",
        "the",
        "with ",
        "\x07",
    ),
]
TEXTS = st.one_of(
    any_texts,
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).flatmap(
        lambda pieces: st.lists(st.sampled_from(pieces), max_size=60).map(" ".join)
    ),
)


def spans(text: str) -> list[tuple[int, int]]:
    encoded = encode([text])
    characters = np.empty(2 * len(encoded.data) + 4, np.int64)
    end = kinds.read(encoded.data, 0, len(encoded.data), kinds.classes(), characters)
    found = kernel.room(end)
    count = kernel.split_words(characters, 0, end, special_table(), found, 0)
    return [(start, stop) for start, stop, _, _ in found[:count].tolist()]


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in spans(text)]


@given(st.lists(TEXTS, max_size=8))
@example(
    ["1 a 2b 3, d. 4", "x " * 30 + "y" * 1001 + " end here. And so on.", "a\n" * 300 + "b c d e f."]
)
def test_measures_are_those_of_plain_python(texts: list[str]) -> None:
    found = measures(encode(texts), c4_words=2, c4_apostrophe=True)
    for row, text in enumerate(texts):
        wanted = oracle.measures(text, c4_words=2, c4_apostrophe=True)
        measured = {name: float(values[row]) for name, values in found.items()}
        assert {name: value for name, value in measured.items() if not math.isnan(value)} == wanted


@given(TEXTS)
@example("°C.''")  # made of two words, but three itself
def test_words_are_those_of_plain_python(text: str) -> None:
    assert spans(text) == split(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("I don't, can't; it's", "I do n't , ca n't ; it 's"),
        ("He’d’ve cannot gonna", "He ’d ’ve can not gon na"),
        ("(e.g. the U.S. or Ph.D.)", "( e.g. the U.S. or Ph.D. )"),
        ("end. IBM. A.B.", "end . IBM . A.B."),
        ("well-known 2019-20 a--b", "well - known 2019 - 20 a -- b"),
        ("5km $40 US$12 12% 3.50€", "5 km $ 40 US$ 12 12 % 3.50 €"),
        ("10am, 5p.m. 20°C. °f.", "10 am , 5 p.m. 20 ° C . ° f ."),
        ("see http://a-b.org/x-y?z=1.", "see http://a-b.org/x-y?z=1 ."),
        ("mail first-last@ex-ample.com or //a-b", "mail first-last@ex-ample.com or //a - b"),
        ("so... wait… and/or w/o him/her", "so ... wait … and/or w/o him / her"),
        ("sure :) (note): 'em x=Dog", "sure :) ( note ): 'em x = Dog"),
        ("a,b 1,000 x.Y end.Next", "a , b 1,000 x. Y end . Next"),
        ("tab\tand\u00a0space", "tab and space"),
    ],
)
def test_words_are_those_of_spacy(text: str, wanted: str) -> None:
    assert " ".join(words(text)) == wanted


def test_special_words_can_be_looked_up() -> None:
    table = special_table()
    assert max(map(len, special_words())) == kinds.LONGEST_SPECIAL
    for word, pieces in special_words().items():
        assert look_up(kinds.hash_word(word), table) & SPECIAL
        assert words(word) == list(pieces)
    assert all(look_up(kinds.hash_word(unit), table) == UNIT for unit in units())
    assert look_up(kinds.hash_word("word"), table) == 0


def test_classes_are_those_of_python() -> None:
    for code, found in enumerate(kinds.classes()[:0x20000].tolist()):
        char, category = chr(code), unicodedata.category(chr(code))
        assert found & kinds.CODE == code
        assert bool(found & kinds.SPACE) == char.isspace()
        assert bool(found & kinds.ALPHA) == char.isalpha()
        assert bool(found & kinds.PUNCTUATION) == category.startswith("P")
        assert bool(found & kinds.LINE_END) == (len(f"a{char}b".splitlines()) == 2)
