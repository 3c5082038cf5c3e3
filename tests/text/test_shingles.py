from __future__ import annotations

import numpy as np
import pytest
from datasketch import MinHash, MinHashLSH
from hypothesis import given
from hypothesis import strategies as st

from tests.text.samples import edited, prose
from webscale_dagster.recipe import NearDuplicates
from webscale_dagster.text.kernels.tokens import Column
from webscale_dagster.text.normalise import words
from webscale_dagster.text.shingles import (
    band_column,
    containment,
    jaccard,
    ngram_hashes,
    overlaps,
    shingles,
    signatures,
    word_hashes,
)

MASK = (1 << 64) - 1
FEW_WORDS = st.lists(st.sampled_from(["ab", "cd", "ef", "gh", "ij", "kl"]), max_size=30).map(
    " ".join
)


def plain_mix(value: int) -> int:
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        value = ((value ^ value >> 33) * factor) & MASK
    return value ^ value >> 33


def plain_word_hash(word: str) -> int:
    value = 0x9E3779B97F4A7C15
    for char in word:
        value = ((value ^ ord(char)) * 0x9E3779B185EBCA87) & MASK
    return plain_mix(value)


def plain_shingles(text: str, n: int) -> set[int]:
    """The definition, word by word in Python integers."""
    hashes = [plain_word_hash(word) for word in words(text)]
    n = min(n, len(hashes))
    found = set()
    for start in range(len(hashes) - n + 1 if hashes else 0):
        value = 0
        for part in hashes[start : start + n]:
            value = (value * 0x9E3779B185EBCA87 + part) & MASK
        found.add(plain_mix((value + n) & MASK))
    return found


def plain_jaccard(a: str, b: str, n: int = 5) -> float:
    """By tuples of words, without any hash."""
    one, other = (
        {tuple(w[i : i + n]) for i in range(max(1, len(w) - n + 1))} if w else set()
        for w in (words(a), words(b))
    )
    return len(one & other) / len(one | other) if one | other else 0.0


@given(FEW_WORDS | st.text(), st.integers(1, 8))
def test_shingles_are_as_defined(text: str, n: int) -> None:
    found = shingles(text, n)
    assert set(found.tolist()) == plain_shingles(text, n)
    assert (np.sort(found) == found).all()


def test_a_short_text_has_one_shingle_and_an_empty_one_none() -> None:
    assert len(shingles("two words", 5)) == 1
    assert len(shingles("... !", 5)) == 0
    assert shingles("two words", 5).tolist() == shingles("Two, words!", 9).tolist()


def test_order_of_words_matters() -> None:
    assert jaccard(shingles("a b c d e", 5), shingles("e d c b a", 5)) == 0


@given(FEW_WORDS, FEW_WORDS)
def test_jaccard_and_containment_are_exact(a: str, b: str) -> None:
    one, other = shingles(a, 5), shingles(b, 5)
    assert jaccard(one, other) == pytest.approx(plain_jaccard(a, b))
    common = len(set(one.tolist()) & set(other.tolist()))
    smaller = min(len(one), len(other))
    assert containment(one, other) == (common / smaller if smaller else 0)


@given(FEW_WORDS, st.lists(FEW_WORDS, max_size=6))
def test_overlaps_counts_each_set(text: str, others: list[str]) -> None:
    one = shingles(text, 2)
    sets = [shingles(other, 2) for other in others]
    expected = [len(set(one.tolist()) & set(s.tolist())) for s in sets]
    assert overlaps(one, sets).tolist() == expected


def plain_signature(text: str, n: int, permutations: int) -> list[int]:
    """datasketch's, updated with the low 32 bits of one shingle after the other."""
    made = MinHash(num_perm=permutations, hashfunc=int)
    for value in plain_shingles(text, n):
        made.update(value & 0xFFFFFFFF)
    listed: list[int] = made.hashvalues.tolist()
    return listed


def plain_bands(signature: list[int], bands: int, rows: int) -> list[int]:
    found = []
    for place in range(bands):
        value = ((place + 1) * 0xC2B2AE3D27D4EB4F) & MASK
        for row in signature[place * rows : (place + 1) * rows]:
            value = plain_mix((value * 0x9E3779B185EBCA87 + row) & MASK)
        found.append(value - ((value >> 63) << 64))
    return found


@given(st.lists(FEW_WORDS | st.text(), max_size=4), st.sampled_from([(16, 4, 4), (128, 20, 6)]))
def test_bands_are_those_of_datasketch_s_signatures(
    texts: list[str], sizes: tuple[int, int, int]
) -> None:
    permutations, bands, rows = sizes
    chosen = NearDuplicates(permutations=permutations, bands=bands, rows=rows, shingle_words=3)
    banded, n_shingles = signatures(Column(texts), chosen)
    assert n_shingles.tolist() == [len(plain_shingles(text, 3)) for text in texts]
    for text, row in zip(texts, banded.tolist(), strict=True):
        if words(text):
            assert row == plain_bands(plain_signature(text, 3, permutations), bands, rows)


def test_the_bands_of_a_long_text_are_datasketch_s_too() -> None:
    text = prose(1, 9000)
    banded, _ = signatures(Column([text]), NearDuplicates(bands=128, rows=1))
    assert banded[0].tolist() == plain_bands(plain_signature(text, 5, 128), 128, 1)


def test_equal_rows_of_different_bands_have_different_hashes() -> None:
    assert len(set(plain_bands([1] * 128, 32, 4))) == 32


def test_bands_are_chosen_by_datasketch_s_search() -> None:
    bands, rows = NearDuplicates().banding()
    assert (bands, rows) == (32, 4)
    found = MinHashLSH(threshold=0.6, num_perm=128, weights=(0.01, 0.99))
    assert (bands, rows) == (found.b, found.r)
    assert NearDuplicates(bands=9, rows=13).banding() == (9, 13)
    with pytest.raises(ValueError, match="both bands and rows"):
        NearDuplicates(bands=9)
    with pytest.raises(ValueError, match="must not exceed permutations"):
        NearDuplicates(bands=33, rows=4)


def test_signatures_of_texts() -> None:
    text = prose(2, 100)
    banded, sizes = signatures(Column([text, text.upper(), "!"]), NearDuplicates())
    assert (banded[0] == banded[1]).all()
    assert sizes.tolist() == [len(plain_shingles(text, 5)), sizes[0], 0]
    column = band_column(banded, sizes)
    assert column.to_list() == [banded[0].tolist(), banded[1].tolist(), []]
    assert band_column(*signatures(Column([]), NearDuplicates())).to_list() == []


def test_similar_texts_share_bands_and_different_ones_none() -> None:
    text = prose(3, 400)
    banded, _ = signatures(Column([text, edited(text, 0.02, 1), prose(4, 400)]), NearDuplicates())
    a, b, c = banded.tolist()
    assert len(set(a) & set(b)) > 3
    assert not set(a) & set(c)


@given(st.lists(st.text(st.characters(exclude_characters="\n"))))
def test_word_hashes_are_as_defined(tokens: list[str]) -> None:
    assert word_hashes(tokens).tolist() == [plain_word_hash(token) for token in tokens]


def test_too_few_words_have_no_ngram() -> None:
    assert len(ngram_hashes(word_hashes(["a", "b"]), 3)) == 0
