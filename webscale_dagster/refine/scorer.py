"""A scorer of texts, distilled from judgements of pairs (Bradley-Terry).

Makes features of texts and a ``Scorer``; reads and writes nothing. QuRating (arXiv 2402.09739)
trains a language model on the same objective: the probability that a judge prefers B to A is the
logistic function of the difference of their scores. Here the score is linear in cheap features,
so the model is a ridge logistic regression on feature differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from webscale_dagster.refine.signals import signals
from webscale_dagster.text.normalise import words

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]
Pairs = npt.NDArray[np.int64]  # a row: the place of the text that was judged better, then the other

_WORDS, _BIGRAMS, _CHARACTERS = 1024, 512, 512  # columns that n-grams are hashed to
_READ = 10_000  # characters of a text that are looked at: enough to tell its kind
_HASHED = 3.0  # weight of the hashed columns: a row of each kind has this length
_RIDGE = 0.02
_MOST_STEPS = 150
_STILL = 1e-4  # largest slope at which the fit ends
_CLIP = 4.0  # deviations, so that no odd text weighs more


def features(texts: Sequence[str]) -> Matrix:
    """A row per text: hashed n-grams by their logarithmic counts, and its signals."""
    from webscale_dagster.text.shingles import ngram_hashes, word_hashes

    rows = np.empty((len(texts), _WORDS + _BIGRAMS + _CHARACTERS + len(signals(""))), np.float32)
    for at, text in enumerate(texts):
        read = text[:_READ]
        hashed = word_hashes(words(read))
        characters = np.frombuffer(read.lower().encode("utf-32-le", "replace"), np.uint32)
        rows[at] = np.concatenate(
            [
                _hashed(ngram_hashes(hashed, 1), _WORDS),
                _hashed(ngram_hashes(hashed, 2), _BIGRAMS),
                _hashed(ngram_hashes(characters.astype(np.uint64), 3), _CHARACTERS),
                list(signals(read).values()),
            ]
        )
    return rows


def _hashed(hashes: npt.NDArray[np.uint64], columns: int) -> Floats:
    """Logarithms of the counts per column, scaled to one length: longer texts weigh no more."""
    counts = np.log1p(
        np.bincount((hashes % np.uint64(columns)).astype(np.int64), minlength=columns)
    )
    length = float(np.sqrt(counts @ counts))
    return np.asarray(counts * (_HASHED / length) if length else counts, np.float64)


@dataclass(frozen=True)
class Scorer:
    """Scores are comparable among themselves only."""

    mean: Matrix
    scale: Matrix
    weights: Matrix

    def score(self, rows: Matrix) -> Floats:
        """The score of each row of features."""
        ready = _standard(rows, self.mean, self.scale)
        return np.asarray(np.einsum("ij,j->i", ready, self.weights), np.float64)


def fit(rows: Matrix, pairs: Pairs) -> Scorer:
    """The scorer under which the better texts of the pairs score higher."""
    seen = rows[np.unique(pairs)]
    n_signals = len(signals(""))
    mean, scale = seen.mean(axis=0), np.ones(rows.shape[1], np.float32)
    deviations = seen[:, -n_signals:].std(axis=0)
    scale[-n_signals:] = np.where(deviations > 1e-6, deviations, 1)
    ready = _standard(rows, mean, scale)
    return Scorer(mean, scale, _logistic(ready[pairs[:, 0]] - ready[pairs[:, 1]]))


def accuracy(scorer: Scorer, rows: Matrix, pairs: Pairs) -> float:
    """Share of pairs whose better text scores higher; a tie counts half."""
    scores = scorer.score(rows)
    gaps = scores[pairs[:, 0]] - scores[pairs[:, 1]]
    return float(np.mean((gaps > 0) + 0.5 * (gaps == 0)))


def _standard(rows: Matrix, mean: Matrix, scale: Matrix) -> Matrix:
    return np.asarray(np.clip((rows - mean) / scale, -_CLIP, _CLIP), np.float32)


def _logistic(gaps: Matrix) -> Matrix:
    """Weights that make ``gaps @ weights`` positive: Nesterov's method, ridge-penalised.

    The step is 1 / bound: no curvature exceeds a quarter of the mean squared length of the rows.
    ``einsum`` works in one thread: the sums are the same on every machine, and threads that wait
    for each other on a busy one were seen to take fifty times as long.
    """
    bound = 0.25 * float((gaps * gaps).sum(axis=1).mean()) + _RIDGE
    ratio = (bound / _RIDGE) ** 0.5
    momentum = np.float32((ratio - 1) / (ratio + 1))
    weights = ahead = np.zeros(gaps.shape[1], np.float32)
    for _ in range(_MOST_STEPS):
        lead = np.einsum("ij,j->i", gaps, ahead)
        chance = 1 / (1 + np.exp(np.clip(lead, -30, 30)))  # of the opposite judgement
        slope = np.float32(_RIDGE) * ahead - np.einsum("i,ij->j", chance, gaps) / len(gaps)
        new = ahead - slope / np.float32(bound)
        ahead = new + momentum * (new - weights)
        weights = new
        if float(np.abs(slope).max()) < _STILL:
            break
    return np.asarray(weights, np.float32)
