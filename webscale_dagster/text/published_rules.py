"""The quality rules of Gopher, C4 and FineWeb as they were published, for web pages in English.

Makes every rule's measure; reads and writes nothing. Limits are the papers'; what is measured, and
what happens to a text exactly at a limit, is as in the code that came with them: datatrove 0.10.1
(by FineWeb's authors, for Gopher's rules too) and tensorflow_datasets' ``c4_utils``. Words are
those of spaCy's English tokenizer, which datatrove uses. ``docs/quality_rules.md`` has a table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from webscale_dagster.text.rule import C4, FINEWEB, GOPHER, Rule

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from webscale_dagster.text.kernels.utf8 import Texts

GOPHER_QUALITY = "Gopher, arXiv 2112.11446, section A1.1"
DATATROVE = "datatrove 0.10.1, FineWebQualityFilter: new_line_ratio"


def _rule(
    name: str, source: str, note: str, *, least: float | None = None, most: float | None = None
) -> Rule:
    return Rule(name, source, least, most, prose=False, note=note)


RULES: tuple[Rule, ...] = (
    _rule("gopher_min_words", GOPHER_QUALITY, "words that are not all symbols", least=50),
    _rule("gopher_max_words", GOPHER_QUALITY, "words that are not all symbols", most=100_000),
    _rule("gopher_short_words", GOPHER_QUALITY, "their mean length in characters", least=3),
    _rule("gopher_long_words", GOPHER_QUALITY, "their mean length in characters", most=10),
    _rule("gopher_hashes", GOPHER_QUALITY, "# per word", most=0.1),
    _rule("gopher_ellipsis_symbols", GOPHER_QUALITY, "... and … per word", most=0.1),
    _rule("gopher_bullets", GOPHER_QUALITY, "share of lines that begin in • or -", most=0.9),
    _rule("gopher_ellipses", GOPHER_QUALITY, "share of lines that end in ... or …", most=0.3),
    _rule("gopher_alphabetic", GOPHER_QUALITY, "share of words with a letter", least=0.8),
    _rule(
        "gopher_stop_words",
        GOPHER_QUALITY,
        "how many of the, be, to, of, and, that, have, with",
        least=2,
    ),
    _rule("gopher_duplicate_lines", GOPHER, "share of lines seen before", most=0.3),
    _rule(
        "gopher_duplicate_line_characters", GOPHER, "share of characters in such lines", most=0.2
    ),
    _rule("gopher_duplicate_paragraphs", GOPHER, "share of paragraphs seen before", most=0.3),
    _rule(
        "gopher_duplicate_paragraph_characters",
        GOPHER,
        "share of characters in such paragraphs",
        most=0.2,
    ),
    *(
        _rule(
            f"gopher_top_{n}gram",
            GOPHER,
            f"share of characters in the commonest {n} words in a row",
            most=limit,
        )
        for n, limit in ((2, 0.20), (3, 0.18), (4, 0.16))
    ),
    *(
        _rule(
            f"gopher_duplicate_{n}grams",
            GOPHER,
            f"share of characters in {n} words in a row seen before",
            most=round(0.20 - n / 100, 2),
        )
        for n in range(5, 11)
    ),
    _rule("c4_lorem_ipsum", C4, "lines of prose with lorem ipsum", most=0),
    _rule("c4_curly_brackets", C4, "lines of prose with {", most=0),
    _rule("c4_sentences", C4, "sentences in lines of prose", least=3),
    _rule("fineweb_line_punctuation", FINEWEB, "share of lines that end a sentence", least=0.12),
    _rule("fineweb_short_lines", FINEWEB, "share of lines of 30 characters at most", most=0.67),
    _rule(
        "fineweb_duplicate_line_characters",
        FINEWEB,
        "share of characters in lines seen before",
        most=0.1,
    ),
    _rule("fineweb_newlines", DATATROVE, "new lines per word", most=0.3),
)
_NGRAMS = (
    *(f"gopher_top_{n}gram" for n in range(2, 5)),
    *(f"gopher_duplicate_{n}grams" for n in range(5, 11)),
)


def measures(
    texts: Texts, *, c4_words: int = 5, c4_apostrophe: bool = False
) -> dict[str, npt.NDArray[np.float64]]:
    """Every rule's measure of each text; not a number where there is nothing to measure.

    C4 looks at lines of at least ``c4_words`` words; ``c4_apostrophe``: also at lines that end in
    one. datatrove 0.10.1 has 3 and true.
    """
    import numpy as np

    from webscale_dagster.text.kernels import published as kernel
    from webscale_dagster.text.kernels import published_lines as at

    counts = kernel.count(texts, c4_words, c4_apostrophe).T.astype(np.float64)
    lines, parts = counts[kernel.LINES :], counts[kernel.LINE_PARTS :]
    paragraphs, ngrams = counts[kernel.PARAGRAPHS :], counts[kernel.NGRAMS :]
    characters, words = counts[kernel.CHARACTERS], counts[kernel.WORDS]
    length = _per(counts[kernel.COUNTED_LENGTH], counts[kernel.COUNTED_WORDS])
    n_lines, told = lines[at.LINES], parts[at.TOLD]
    return {
        "gopher_min_words": counts[kernel.COUNTED_WORDS],
        "gopher_max_words": counts[kernel.COUNTED_WORDS],
        "gopher_short_words": length,
        "gopher_long_words": length,
        "gopher_hashes": _per(lines[at.HASHES], words),
        "gopher_ellipsis_symbols": _per(lines[at.ELLIPSES], words),
        "gopher_bullets": _per(lines[at.BULLETS], n_lines),
        "gopher_ellipses": _per(lines[at.ELLIPSIS_ENDS], n_lines),
        "gopher_alphabetic": _per(counts[kernel.ALPHABETIC_WORDS], words),
        "gopher_stop_words": counts[kernel.STOP_WORDS],
        "gopher_duplicate_lines": _per(parts[at.REPEATED], parts[at.N_PARTS]),
        "gopher_duplicate_line_characters": _per(parts[at.REPEATED_CHARACTERS], characters),
        "gopher_duplicate_paragraphs": _per(paragraphs[at.REPEATED], paragraphs[at.N_PARTS]),
        "gopher_duplicate_paragraph_characters": _per(
            paragraphs[at.REPEATED_CHARACTERS], characters
        ),
        **{name: _per(row, characters) for name, row in zip(_NGRAMS, ngrams, strict=True)},
        "c4_lorem_ipsum": lines[at.LOREM_IPSUM],
        "c4_curly_brackets": lines[at.CURLY_BRACKETS],
        "c4_sentences": lines[at.SENTENCES],
        # Nothing but blank lines: datatrove rejects it too.
        "fineweb_line_punctuation": parts[at.ENDED] / np.maximum(told, 1),
        "fineweb_short_lines": _per(parts[at.SHORT], told),
        "fineweb_duplicate_line_characters": _per(
            parts[at.TOLD_CHARACTERS], characters - lines[at.NEW_LINES]
        ),
        "fineweb_newlines": _per(lines[at.NEW_LINES], words),
    }


def _per(amounts: npt.NDArray[np.float64], of: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    import numpy as np

    found: npt.NDArray[np.float64] = np.full(len(of), np.nan)
    np.divide(amounts, of, out=found, where=of > 0)
    return found
