from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.oracles.repetition import ngram_repetition
from webscale_dagster.text.kernels.repetition import MEASURES, count_repetition, first_same

words = st.lists(st.sampled_from(["a", "bb", "ccc", "éé", "d"]), max_size=60)


def repetition(tokens: Sequence[str], before: Sequence[str] = ()) -> dict[str, float]:
    """Measures of words that stand in the arrays behind those of another text."""
    every = [*before, *tokens]
    numbers = {word: number * 0x9E3779B97F4A7C15 % 2**64 for number, word in enumerate(set(every))}
    hashes = np.array([numbers[word] for word in every], np.uint64)
    ends = np.cumsum([0, *map(len, every)])
    counts = np.zeros((2, len(MEASURES)), np.int64)
    count_repetition(hashes, np.array([0, len(before), len(every)]), ends, counts)
    total = sum(map(len, tokens)) or 1
    return dict(zip(MEASURES, (counts[1] / total).tolist(), strict=True))


def plain_repetition(tokens: list[str]) -> dict[str, float]:
    """The definitions, with tuples and counters."""
    total = sum(map(len, tokens)) or 1
    found: dict[str, float] = {}
    for n in range(2, 11):
        grams = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
        if n <= 4:
            top, count = Counter(grams).most_common(1)[0] if grams else ((), 0)
            found[f"top_{n}gram"] = count * sum(map(len, top)) / total if count > 2 else 0
        else:
            seen: set[tuple[str, ...]] = set()
            covered: set[int] = set()
            for start, gram in enumerate(grams):
                covered |= set(range(start, start + n)) if gram in seen else set()
                seen.add(gram)
            found[f"duplicate_{n}grams"] = sum(len(tokens[i]) for i in covered) / total
    return found


@given(words, words)
def test_repetition_is_as_defined(tokens: list[str], before: list[str]) -> None:
    found = repetition(tokens, before)
    assert found == pytest.approx(plain_repetition(tokens))
    assert found == pytest.approx(ngram_repetition(tokens))


def test_of_a_text_without_words_nothing_repeats() -> None:
    assert set(repetition([]).values()) == {0}


@given(st.lists(st.sampled_from([0, 1, 2**63, 2**64 - 1]), max_size=40))
def test_the_first_that_is_the_same(keys: list[int]) -> None:
    found = first_same(np.array(keys, np.uint64))
    assert found.tolist() == [keys.index(key) for key in keys]
