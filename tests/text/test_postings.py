"""The kernels ``postings`` against plain Python."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from webscale_dagster.text import postings
from webscale_dagster.text.content_words import content_word
from webscale_dagster.text.kernels.tokens import prepare, tokenise
from webscale_dagster.text.normalise import words
from webscale_dagster.text.postings import Postings, Words, content_of
from webscale_dagster.text.shingles import ngram_hashes, word_hashes

TEXTS = st.lists(st.lists(st.sampled_from("abc"), max_size=12), max_size=8)
SAID = st.lists(st.sampled_from(["the", "cost", "price", "of", "kids", "moon", "3", "x2", "Größe"]))


def hashed(texts: list[list[str]]) -> Words:
    offsets = np.cumsum([0, *map(len, texts)])
    return Words(word_hashes([word for text in texts for word in text]), offsets)


@given(TEXTS, TEXTS, st.integers(1, 3), st.integers(0, 3))
def test_hits_are_those_of_plain_python(
    asked: list[list[str]], texts: list[list[str]], n: int, room: int
) -> None:
    owned = [
        (tuple(text[at : at + n]), owner)
        for owner, text in enumerate(asked)
        for at in range(len(text) - n + 1)
    ]
    hashes = [int(ngram_hashes(word_hashes(list(run)), n)[0]) for run, _ in owned]
    known = Postings(n, np.array(hashes, np.uint64), np.array([o for _, o in owned], np.int64))
    postings._ROOM, before = room, postings._ROOM
    try:
        found = known.find(hashed(texts))
    finally:
        postings._ROOM = before
    expected = [
        (number, at, owner)
        for number, text in enumerate(texts)
        for at in range(len(text) - n + 1)
        for run, owner in owned
        if run == tuple(text[at : at + n])
    ]
    rows = zip(found.texts.tolist(), found.places.tolist(), found.owners.tolist(), strict=True)
    assert sorted(rows) == sorted(expected)


@given(st.lists(SAID.map(" ".join), max_size=6))
def test_content_words_are_those_of_plain_python(texts: list[str]) -> None:
    found = content_of(tokenise(prepare(texts)))
    for number, text in enumerate(texts):
        start, end = found.words.offsets[number : number + 2]
        expected = [
            (content_word(word), at)
            for at, word in enumerate(words(text))
            if content_word(word) and not any(map(str.isdigit, word))
        ]
        assert found.words.hashes[start:end].tolist() == [
            int(value) for value in word_hashes([word for word, _ in expected])
        ]
        assert found.places[start:end].tolist() == [at for _, at in expected]
