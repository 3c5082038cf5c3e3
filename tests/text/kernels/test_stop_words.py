from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.kernels.test_word_lists import read
from tests.text.oracles.stop_words import stop_words
from tests.text.strategies import texts
from webscale_dagster.text.kernels.stop_words import FOLDED
from webscale_dagster.text.kernels.utf8 import encode
from webscale_dagster.text.kernels.word_lists import STOP
from webscale_dagster.text.stop_words import STOP_WORDS

LISTED = sorted(set().union(*STOP_WORDS.values()))
cased = st.sampled_from(LISTED).flatmap(
    lambda word: st.sampled_from([word, word.upper(), word.title(), word[:-1], f"{word}x"])
)


def count(*judged: str) -> list[int]:
    return [row[STOP] for row in read(encode(judged))[3]]


@given(
    st.lists(
        st.one_of(cased, st.sampled_from(["eﬆ", "JEﬆ", "κᾳ", "ΚᾼΙ", "\u212aara", "ſi", "İn", "𐁥n"]))
    ),
    texts,
)
def test_stop_words_are_counted_as_sets_of_strings_do(words: list[str], text: str) -> None:
    for judged in (" ".join(words), text, f"{text} {words}"):
        expected = stop_words(judged, judged.split())
        if expected is not None:  # of a script that has a list
            assert count(text, judged)[1] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Der Hafen UND die Stadt", 3),
        ("THE harbour Of", 2),
        ("the harbour of die der und", 2),  # two of English, and no other language is asked
        ("και ο λιμένας ΜΕ το", 3),
        ("the x", 1),
        ("x", 0),
        ("", 0),
    ],
)
def test_stop_words_count_once_each(text: str, expected: int) -> None:
    assert count(f"{text} {text}") == [expected]


def test_characters_beyond_the_table_fold_to_no_letter_of_a_listed_word() -> None:
    beyond = "".join(map(chr, range(FOLDED, 0x110000)))
    assert not set("".join(LISTED)) & set(beyond.casefold())


def test_characters_that_fold_to_three_begin_in_no_listed_word() -> None:
    folded = [letters for code in range(FOLDED) if len(letters := chr(code).casefold()) > 2]
    assert folded
    assert not [letters for letters in folded if any(letters[:2] in word for word in LISTED)]
