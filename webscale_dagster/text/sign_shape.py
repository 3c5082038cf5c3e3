"""What the characters of texts say about them, wherever they stand: damage, sentences, formulas.

Makes counts by text; reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels import sign_counts as kernel
from webscale_dagster.text.kernels.signs import signs
from webscale_dagster.text.kernels.utf8 import Texts
from webscale_dagster.text.normalise import broken_share
from webscale_dagster.text.notices import javascript_lines, policy_lines

Counts = npt.NDArray[np.int64]

_JAVASCRIPT = 1 << kernel.JAVASCRIPT
_POLICY = 1 << kernel.PRIVACY | 1 << kernel.TERMS | 1 << kernel.COOKIE | 1 << kernel.KELVIN


class SignShapes(NamedTuple):
    """Counts by text, and whether its script has no spaces, or no list of stop words."""

    broken: npt.NDArray[np.float64]  # share of characters
    sentences: Counts
    symbols: Counts
    curly: Counts
    formulas: Counts
    lorem_ipsum: npt.NDArray[np.bool_]
    javascript_lines: Counts
    policy_lines: Counts
    unspaced: npt.NDArray[np.bool_]
    foreign: npt.NDArray[np.bool_]


def sign_shapes(texts: Texts) -> SignShapes:
    """Count in every text."""
    counts = np.zeros((len(texts), kernel.N_COUNTS), np.int64)
    kernel.count_signs(texts.data, texts.offsets, signs(), counts)
    broken = counts[:, kernel.BROKEN_CHARACTERS] / np.maximum(counts[:, kernel.CHARACTERS], 1)
    for text in np.flatnonzero(counts[:, kernel.MISREAD]).tolist():
        broken[text] = broken_share(texts.text(text))
    phrases = counts[:, kernel.PHRASES]

    def of_those_with(phrase: int, count: Callable[[str], int]) -> Counts:
        found = np.zeros(len(texts), np.int64)
        for text in np.flatnonzero(phrases & phrase).tolist():
            found[text] = count(texts.text(text))
        return found

    return SignShapes(
        broken,
        counts[:, kernel.SENTENCES],
        counts[:, kernel.SYMBOLS],
        counts[:, kernel.CURLY],
        counts[:, kernel.FORMULAS],
        phrases & (1 << kernel.LOREM_IPSUM) != 0,
        of_those_with(_JAVASCRIPT, javascript_lines),
        of_those_with(_POLICY, policy_lines),
        3 * counts[:, kernel.UNSPACED] > counts[:, kernel.SAMPLED],
        2 * counts[:, kernel.FOREIGN] > counts[:, kernel.LETTERS],
    )
