from __future__ import annotations

import numpy as np
from hypothesis import given

from tests.text.strategies import texts
from webscale_dagster.text.kernels import word_lists
from webscale_dagster.text.kernels.signs import signs
from webscale_dagster.text.kernels.stop_words import listed
from webscale_dagster.text.kernels.utf8 import Texts, encode


def read(given: Texts) -> tuple[list[int], list[int], list[int], list[list[int]]]:
    """Hashes and ends of words, where the texts' words begin, and counts."""
    room = len(given.data) + len(given)
    hashes, ends = np.empty(room, np.uint64), np.empty(room + 1, np.int64)
    firsts = np.empty(len(given) + 1, np.int64)
    counts = np.zeros((len(given), word_lists.N_COUNTS), np.int64)
    word_lists.read_words(
        given.data, given.offsets, (signs(), listed()), (hashes, ends, firsts), counts
    )
    last = firsts[-1]
    return hashes[:last].tolist(), ends[: last + 1].tolist(), firsts.tolist(), counts.tolist()


@given(texts, texts)
def test_words_are_what_space_divides(text: str, other: str) -> None:
    hashes, ends, firsts, counts = read(encode([other, text]))
    every = [*other.split(), *text.split()]
    assert firsts == [0, len(other.split()), len(every)]
    assert ends == np.cumsum([0, *map(len, every)]).tolist()
    assert [hashes.index(value) for value in hashes] == [every.index(word) for word in every]
    plain = [word for word in text.split() if any(map(str.isalnum, word))]
    assert counts[1][word_lists.PLAIN] == len(plain)
    assert counts[1][word_lists.PLAIN_CHARACTERS] == sum(map(len, plain))
    assert counts[1][word_lists.ALPHABETIC] == sum(any(map(str.isalpha, word)) for word in plain)
