"""What the words of texts say about them: their length, common words, and how they repeat.

Makes the measures of Gopher's rules about words; reads and writes nothing. Words are what white
space divides, and in a script that has none what ``normalise.words`` makes of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels import word_lists as kernel
from webscale_dagster.text.kernels.repetition import MEASURES, count_repetition
from webscale_dagster.text.kernels.signs import signs
from webscale_dagster.text.kernels.stop_words import listed
from webscale_dagster.text.kernels.utf8 import Texts, encode
from webscale_dagster.text.normalise import words
from webscale_dagster.text.sign_shape import SignShapes

Shares = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_SHORT = slice(MEASURES.index("duplicate_9grams"))  # runs of single characters that repeat anywhere


def word_shapes(texts: Texts, shapes: SignShapes) -> tuple[dict[str, Shares], Counts]:
    """Measures by name, and the number of words, at least 1."""
    count, counts, repeated = _read(texts)
    places = np.flatnonzero(shapes.unspaced).tolist()
    if places:
        parted = encode([" ".join(words(texts.text(place))) for place in places])
        count[places], counts[places], repeated[places] = _read(parted)
    plain = np.maximum(counts[:, kernel.PLAIN], 1)
    length = np.where(shapes.unspaced, np.nan, counts[:, kernel.PLAIN_CHARACTERS] / plain)
    found = {
        "gopher_alphabetic": counts[:, kernel.ALPHABETIC] / plain,
        "gopher_short_words": length,
        "gopher_long_words": length,
        "gopher_stop_words": np.where(
            shapes.unspaced | shapes.foreign, np.nan, counts[:, kernel.STOP]
        ),
    }
    repeated[shapes.unspaced, _SHORT] = np.nan
    found |= {f"gopher_{name}": repeated[:, column] for column, name in enumerate(MEASURES)}
    return found, np.maximum(count, 1)


def _read(texts: Texts) -> tuple[Counts, Counts, Shares]:
    """Number of words, counts of the kernel, and shares of characters that repeat, by text."""
    room = int(texts.offsets[-1] - texts.offsets[0]) // 2 + len(texts)
    hashes, ends = np.empty(room, np.uint64), np.empty(room + 1, np.int64)
    firsts = np.empty(len(texts) + 1, np.int64)
    counts = np.zeros((len(texts), kernel.N_COUNTS), np.int64)
    kernel.read_words(
        texts.data, texts.offsets, (signs(), listed()), (hashes, ends, firsts), counts
    )
    repeated = np.zeros((len(texts), len(MEASURES)), np.int64)
    count_repetition(hashes, firsts, ends, repeated)
    characters = np.maximum(np.diff(ends[firsts]), 1)
    return np.diff(firsts), counts, repeated / characters[:, None]
