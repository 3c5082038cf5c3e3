from __future__ import annotations

import sys
import unicodedata
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.text.test_shingles import plain_word_hash
from webscale_dagster.text.kernels.folding import folding
from webscale_dagster.text.kernels.tokens import Column, Prepared, most_words, prepare, tokenise
from webscale_dagster.text.kernels.utf8 import Texts
from webscale_dagster.text.normalise import words

# What is hard: marks in any order, Hangul in pieces, ligatures, letters that fold to several,
# iota below, dotted I, Thai and Hindi signs, zero-width characters, halves of surrogate pairs.
TRICKY = st.text(
    st.sampled_from(
        "aZ9_ .'’\n\x00éßﬁ㌖㍿²½①ıİſÅΆᾴΐςᾳ\u0345\u0301\u0327\u0316\u093c\u0e33ก\u0e38\u0e48नि"
        "\u1100\u1161\u11a8가각東カ\u3099ﾊﾞ\u200b\u00ad\u200d\u2060\ufeff\ud800\udc00😀٣৫\U0001d7d8"
        "\u0378\U000e0100\U0010ffff\ufdfa\u1e9b\u0323´¨\u0483\u05bc\ufb1d"
    )
)
ANY = st.text(st.characters(exclude_categories=[]))


def plain(text: str) -> list[tuple[int, bool]]:
    return [(plain_word_hash(word), any(map(str.isdigit, word))) for word in words(text)]


def made(texts: list[str]) -> list[list[tuple[int, bool]]]:
    tokens = tokenise(prepare(texts))
    rows = list(zip(tokens.hashes.tolist(), tokens.digits.tolist(), strict=True))
    return [rows[start:end] for start, end in pairwise(tokens.offsets.tolist())]


@given(st.lists(ANY | TRICKY, max_size=5))
@example(
    [
        "don't don’t",
        "x_1 = 3.14",
        "Straße ﬁne",
        "東京に行く",
        "ab東cd",
        "กำลัง",
        "हिन्दी में",
        r"\alpha^{2}",
    ]
)
def test_words_are_those_of_the_oracle(texts: list[str]) -> None:
    assert made(texts) == [plain(text) for text in texts]


def test_every_letter_and_sign_alone_and_between_others() -> None:
    codes = [*range(0x3400), *range(0xA000, 0x12000), *range(0x1D000, 0x20010), sys.maxunicode]
    for template in ("{}", "カ{}b\u0301"):
        texts = [template.format(chr(code)) for code in codes]
        wrong = [
            c for c, text, own in zip(codes, texts, made(texts), strict=True) if own != plain(text)
        ]
        assert wrong == []


def test_nearly_all_characters_are_folded_by_tables() -> None:
    hard = prepare([chr(code) for code in range(0xA0, 0x3000) if chr(code).isprintable()]).folded
    assert hard.mean() < 0.04
    assert not prepare(["plain", "naïve “quotes” — 東京", "straße", "हिन्दी", "가각"]).folded.any()
    assert prepare(["e\u0301", "I\u0307", "a\u0315\u0300", "\u1100\u1161"]).folded.all()


def test_room_for_the_words_of_any_character() -> None:
    for code in (0x3316, 0x337F, 0xFDFA, 0x3300):
        text = chr(code) * 50
        assert len(words(text)) <= most_words(len(text.encode()))


@given(st.lists(st.none() | st.text(), min_size=1), st.integers(0, 3))
def test_columns_are_read_without_copies_and_nulls_are_empty(
    texts: list[str | None], skipped: int
) -> None:
    column = pl.Series(texts, dtype=pl.String).slice(skipped)
    prepared = prepare(column)
    strings = [text or "" for text in texts[skipped:]]
    if not prepared.folded.any():
        assert [prepared.texts.text(i) for i in range(len(prepared))] == strings
    assert tokenise(prepared).hashes.tolist() == [h for t in strings for h, _ in plain(t)]


def test_the_tables_are_of_this_python_s_unicode() -> None:
    table = folding()
    assert table.folds[ord("É")] == ord("é")
    assert chr(table.folds[ord("Ａ")]) == "a"
    assert table.classes[0x0301] == unicodedata.combining("\u0301")


@pytest.mark.parametrize("raw", [b"\xff", b"a\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\x80abc"])
def test_bytes_that_are_not_utf8_are_words_of_something(raw: bytes) -> None:
    texts = Texts(np.array([0, len(raw)]), np.frombuffer(raw, np.uint8))
    assert len(tokenise(Prepared(texts, np.zeros(1, np.bool_))).hashes) <= 2


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=6))
@example(["don't", "e\u0327\u0301", "\u1100\u1161 x"])
def test_a_column_gives_the_words_of_any_places(texts: list[str]) -> None:
    column = Column(texts)
    tokens = tokenise(column.at(np.arange(len(texts))[::-1]))
    bounds = pairwise(tokens.offsets.tolist())
    found = [tokens.hashes[start:end].tolist() for start, end in bounds]
    assert found == [[value for value, _ in plain(text)] for text in reversed(texts)]
    assert sum(map(len, column.parts())) == len(column) == len(texts)
