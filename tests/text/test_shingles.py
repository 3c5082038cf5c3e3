from __future__ import annotations

import numpy as np
import pytest
import xxhash
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text.samples import edited, prose
from webscale_dagster.text.normalise import words
from webscale_dagster.text.shingles import (
    band_hashes,
    containment,
    jaccard,
    mix,
    ngram_hashes,
    overlaps,
    shingle_hash32,
    shingles,
    signature,
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


def plain_shingles(text: str, n: int) -> set[int]:
    """The definition, word by word in Python integers."""
    hashes = [xxhash.xxh3_64_intdigest(word.encode()) for word in words(text)]
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


@settings(max_examples=30)
@given(FEW_WORDS, st.sampled_from([16, 128]))
def test_the_signature_is_datasketch_s(text: str, permutations: int) -> None:
    values = shingles(text, 3)
    plain = MinHash(num_perm=permutations, hashfunc=int)
    for value in shingle_hash32(values).tolist():
        plain.update(value)
    assert signature(values, permutations).tolist() == plain.hashvalues.tolist()


def test_the_signature_of_a_long_text_is_datasketch_s_too() -> None:
    values = shingles(prose(1, 9000), 5)
    plain = MinHash(num_perm=128, hashfunc=int)
    plain.update_batch(shingle_hash32(values).tolist())
    assert signature(values, 128).tolist() == plain.hashvalues.tolist()


def test_bands_are_equal_where_their_rows_are() -> None:
    one = np.arange(128, dtype=np.uint32)
    other = one.copy()
    other[4:8] = 7
    a, b = band_hashes(one, 32, 4), band_hashes(other, 32, 4)
    assert [i for i in range(32) if a[i] != b[i]] == [1]
    assert all(-(1 << 63) <= value < 1 << 63 for value in a)


def test_equal_rows_of_different_bands_have_different_hashes() -> None:
    same = np.ones(128, np.uint32)
    assert len(set(band_hashes(same, 32, 4))) == 32


def test_signatures_of_texts() -> None:
    text = prose(2, 100)
    bands, sizes = signatures(
        [text, text.upper(), "!"], shingle_words=5, permutations=128, bands=32, rows=4
    )
    assert bands[0] == bands[1]
    assert sizes == [len(plain_shingles(text, 5)), sizes[0], 0]
    assert bands[2] == []


def test_similar_texts_share_bands_and_different_ones_none() -> None:
    text = prose(3, 400)
    texts = [text, edited(text, 0.02, 1), prose(4, 400)]
    (a, b, c), _ = signatures(texts, shingle_words=5, permutations=128, bands=32, rows=4)
    assert len(set(a) & set(b)) > 3
    assert not set(a) & set(c)


def test_hashes_do_not_depend_on_what_was_hashed_before() -> None:
    first = word_hashes(["one", "two"]).tolist()
    word_hashes(words(prose(5, 500)))
    assert word_hashes(["one", "two"]).tolist() == first
    assert first[0] == xxhash.xxh3_64_intdigest(b"one")


def test_mix_is_the_finaliser_of_murmurhash3() -> None:
    values = np.array([0, 1, MASK, 1 << 63], np.uint64)
    assert mix(values).tolist() == [plain_mix(v) for v in values.tolist()]


def test_too_few_words_have_no_ngram() -> None:
    assert len(ngram_hashes(word_hashes(["a", "b"]), 3)) == 0
