"""Asks datatrove's four quality filters; runs in an environment of its own.

    ENV/bin/python benchmarks/quality_rules_datatrove.py < task.json > answers.json

Reads ``{"texts": [...], "timed": [...], "repeats": 3}``. Writes for each text what each filter and
each rule alone decides (true: rejected) and its number of words, and the CPU-seconds that the four
filters took for ``timed``, once for each repeat. Rules have the names of
``webscale_dagster.text.published_rules``; datatrove has one rule for both of Gopher's symbols.
"""

from __future__ import annotations

import json
import sys
import time
from functools import lru_cache

import datatrove.utils.text
from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.utils.text import split_into_words

FILTERS = {
    "gopher quality": GopherQualityFilter,
    "gopher repetition": GopherRepetitionFilter,
    "c4": C4QualityFilter,
    "fineweb": FineWebQualityFilter,
}
QUALITY = {  # rule: parameter and its default
    "gopher_min_words": ("min_doc_words", 50),
    "gopher_max_words": ("max_doc_words", 100_000),
    "gopher_short_words": ("min_avg_word_length", 3),
    "gopher_long_words": ("max_avg_word_length", 10),
    "gopher_hashes": ("max_symbol_word_ratio", 0.1),
    "gopher_bullets": ("max_bullet_lines_ratio", 0.9),
    "gopher_ellipses": ("max_ellipsis_lines_ratio", 0.3),
    "gopher_alphabetic": ("max_non_alpha_words_ratio", 0.8),
    "gopher_stop_words": ("min_stop_words", 2),
}
REPETITION = {
    "gopher_duplicate_lines": ("dup_line_frac", 0.3),
    "gopher_duplicate_line_characters": ("dup_line_char_frac", 0.2),
    "gopher_duplicate_paragraphs": ("dup_para_frac", 0.3),
    "gopher_duplicate_paragraph_characters": ("dup_para_char_frac", 0.2),
    **{
        f"gopher_top_{n}gram": ("top_n_grams", ((n, limit),))
        for n, limit in ((2, 0.2), (3, 0.18), (4, 0.16))
    },
    **{
        f"gopher_duplicate_{n}grams": ("dup_n_grams", ((n, round(0.2 - n / 100, 2)),))
        for n in range(5, 11)
    },
}
FINEWEB = {
    "fineweb_line_punctuation": ("line_punct_thr", 0.12),
    "fineweb_short_lines": ("short_line_thr", 0.67),
    "fineweb_duplicate_line_characters": ("char_duplicates_ratio", 0.01),
    "fineweb_newlines": ("new_line_ratio", 0.3),
}
FINEWEB_OFF = {
    "line_punct_thr": 0,
    "short_line_thr": 2,
    "char_duplicates_ratio": 2,
    "new_line_ratio": 1e9,
}
C4 = {
    "c4_lorem_ipsum": {"min_num_sentences": -1, "filter_curly_bracket": False},
    "c4_curly_brackets": {"min_num_sentences": -1, "filter_lorem_ipsum": False},
    "c4_sentences": {"filter_lorem_ipsum": False, "filter_curly_bracket": False},
}


def rules() -> dict[str, BaseFilter]:
    """A filter for each rule alone, all others switched off."""
    quality_off = {parameter: None for parameter, _ in QUALITY.values()}
    repetition_off = {
        parameter: () if parameter.endswith("n_grams") else None
        for parameter, _ in REPETITION.values()
    }
    found: dict[str, BaseFilter] = {}
    for name, (parameter, limit) in QUALITY.items():
        found[name] = GopherQualityFilter(**{**quality_off, parameter: limit})
    for name, (parameter, limit) in REPETITION.items():
        found[name] = GopherRepetitionFilter(**{**repetition_off, parameter: limit})
    for name, parameters in C4.items():
        found[name] = C4QualityFilter(**parameters)
    for name, (parameter, limit) in FINEWEB.items():
        found[name] = FineWebQualityFilter(**{**FINEWEB_OFF, parameter: limit})
    return found


def decide(texts: list[str]) -> dict[str, list[bool]]:
    """What each filter, and each rule alone, rejects."""
    asked = {**{name: make() for name, make in FILTERS.items()}, **rules()}
    # datatrove remembers the words of five texts: of more here, for C4 asks about every line.
    split = datatrove.utils.text.split_into_parts.__wrapped__
    remembering = lru_cache(100_000)(split)
    datatrove.utils.text.split_into_parts = remembering
    found: dict[str, list[bool]] = {name: [] for name in asked}
    for text in texts:
        remembering.cache_clear()
        for name, filter_ in asked.items():
            # C4's filter changes the document that it is given.
            found[name].append(filter_.filter(Document(text=text, id="")) is not True)
    datatrove.utils.text.split_into_parts = lru_cache(5)(split)
    return found


def seconds(texts: list[str], repeats: int) -> list[float]:
    """CPU-seconds of the four filters, one after the other on each text as in a pipeline."""
    filters = [make() for make in FILTERS.values()]
    found = []
    for repeat in range(repeats + 1):
        datatrove.utils.text.split_into_parts.cache_clear()
        start = time.process_time()
        for text in texts if repeat else texts[:1]:  # the tokenizer is loaded first
            for filter_ in filters:
                filter_.filter(Document(text=text, id=""))
        found.append(time.process_time() - start)
    return found[1:]


def main() -> None:
    """Answer the task."""
    task = json.load(sys.stdin)
    texts = task["texts"]
    answers = {
        "decisions": decide(texts),
        "n_words": [len(split_into_words(text)) for text in texts],
        "seconds": seconds(task["timed"], task["repeats"]) if task["timed"] else [],
    }
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
