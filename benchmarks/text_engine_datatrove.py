"""datatrove's quality filters and decontamination as programs of ``text_engine.py``.

Runs in an environment with datatrove; see ``text_engine_clock.py``.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from text_engine_clock import Call, Work, cpu, run

N = 13


def quality(_: Mapping[str, str]) -> Work:
    """Each of the four filters on every document; ids that pass all."""
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    kinds = (GopherQualityFilter, GopherRepetitionFilter, C4QualityFilter, FineWebQualityFilter)
    filters = [kind() for kind in kinds]

    def work(frame: Any) -> Call:
        documents = _documents(frame)

        def call() -> Any:
            passed = [all([_passes(one, document) for one in filters]) for document in documents]
            return {"kept": [d.id for d, keep in zip(documents, passed, strict=True) if keep]}

        return call

    return work


def _passes(one: Any, document: Any) -> bool:
    result = one.filter(copy.copy(document))  # C4's filter changes the text
    return result is True or (isinstance(result, tuple) and result[0] is True)


def decontamination(settings: Mapping[str, str]) -> Work:
    """13-grams of the questions; its indexer needs lighteval, so its hash file is written here."""
    import polars as pl
    from datatrove.pipeline.decont import NGramsDecontConfig, NGramsDecontFilter
    from datatrove.utils.logging import logger

    config = NGramsDecontConfig(n_grams=N)
    folder = tempfile.TemporaryDirectory()  # gone with the process
    started = cpu()
    logger.remove()
    one = NGramsDecontFilter(folder.name, config=config)
    questions = pl.read_parquet(settings["questions"])["question"]
    _write_hashes(one, questions.to_list(), Path(folder.name, "questions.index.hashes"))
    one.load_index_hashes()
    index_s = cpu() - started

    def work(frame: Any) -> Call:
        documents = _documents(frame)

        def call() -> Any:
            flagged = [d.id for d in documents if not _passes(one, d)]
            return {"flagged": flagged, "index_s": index_s}

        return call

    return work


def _write_hashes(one: Any, questions: list[str], path: Path) -> None:
    from datatrove.utils.text import ngrams, simplify_text

    hashes: set[int] = set()
    for question in questions:
        tokens = one.tokenizer.word_tokenize(simplify_text(question, one.config.norm_config))
        hashes.update(one.hash_func(" ".join(gram)) for gram in ngrams(tokens, N))
    np.array(sorted(hashes), dtype=one.config.hash_config.np_descr).tofile(path)


def _documents(frame: Any) -> list[Any]:
    from datatrove.data import Document

    return [Document(text=text, id=name) for name, text in frame.rows()]


TASKS = {"quality": quality, "decontamination": decontamination}

if __name__ == "__main__":
    run(TASKS)
