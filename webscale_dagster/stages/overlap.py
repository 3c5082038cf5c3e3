"""The decontamination engine of the benchmark tables, built once for all shards of a process.

Reads the frames benchmark_ngrams and benchmarks; writes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from webscale_dagster.recipe import DecontaminatedSet
from webscale_dagster.stages.protocol import Frames

if TYPE_CHECKING:
    from webscale_dagster.text.decontamination import Decontaminator

_Key = tuple[pl.DataFrame, pl.DataFrame, DecontaminatedSet]
_last: list[tuple[_Key, Decontaminator]] = []  # at most one: an index of 95,000 questions is large


def decontaminator(frames: Frames, settings: DecontaminatedSet) -> Decontaminator:
    """The engine for these frames; the same frames (the very objects) give the same engine."""
    ngrams, questions = frames["benchmark_ngrams"], frames["benchmarks"]
    if _last:
        (old_ngrams, old_questions, old_settings), engine = _last[0]
        if old_ngrams is ngrams and old_questions is questions and old_settings == settings:
            return engine
    _last.clear()  # before the new one is built, so that never two are held
    from webscale_dagster.text.decontamination import Decontaminator

    engine = Decontaminator(ngrams, questions, settings)
    _last.append(((ngrams, questions, settings), engine))
    return engine
