"""Quality rules of documents: Gopher, C4, FineWeb, and two of our own, adapted to what is not web.

Makes every rule's measure; reads and writes nothing. The published limits were set on web pages.
Where they rejected textbooks, statutes, formulas, tables or code wholesale, the rule here differs,
and its ``note`` says how:

- rules about the shape of lines do not count in a document that is mostly prose by characters;
- rules about prose do not count in source code (half of the lines or more);
- words of scripts without spaces are single characters, and word lengths are not measured there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from webscale_dagster.text.rule import C4, FINEWEB, GOPHER, Rule

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from webscale_dagster.text.kernels.utf8 import Texts

OWN = "measured on 34,882 documents of 13 corpora"
RULES: tuple[Rule, ...] = (
    Rule("broken_encoding", OWN, most=0.01, prose=False, note="U+FFFD, mojibake, control codes"),
    Rule("c4_lorem_ipsum", C4, most=0, prose=False),
    Rule(
        "c4_curly_brackets", C4, most=0.02, note="per word, not of formulas; C4: not a single one"
    ),
    Rule("c4_javascript", C4, most=0.1, note="share of lines; C4 drops the lines"),
    Rule("c4_policy", C4, most=0.2, note="share of lines; C4 drops the lines"),
    Rule("c4_sentences", C4, least=2, note="C4: 3; entries and clauses of two can be asked about"),
    Rule("gopher_short_words", GOPHER, least=3),
    Rule("gopher_long_words", GOPHER, most=10),
    Rule("gopher_symbols", GOPHER, most=0.1),
    Rule("gopher_bullets", GOPHER, most=0.9),
    Rule("gopher_ellipses", GOPHER, most=0.3),
    Rule("gopher_alphabetic", GOPHER, least=0.6, note="Gopher: 0.8, which drops tables of figures"),
    Rule("gopher_stop_words", GOPHER, least=2, note="of any one of 12 languages"),
    Rule("gopher_duplicate_lines", GOPHER, most=0.3, note="lines of four words or more"),
    Rule("gopher_duplicate_line_characters", GOPHER, most=0.2, note="as above"),
    Rule("gopher_duplicate_paragraphs", GOPHER, most=0.3, note="of four words or more"),
    Rule("gopher_duplicate_paragraph_characters", GOPHER, most=0.2, note="as above"),
    Rule("gopher_top_2gram", GOPHER, most=0.20, prose=False),
    Rule("gopher_top_3gram", GOPHER, most=0.18, prose=False),
    Rule("gopher_top_4gram", GOPHER, most=0.16, prose=False),
    # Gopher's limits are 0.15 to 0.10. Statutes and exercises repeat phrases by nature: those
    # limits dropped 13 % of law and 18 % of textbooks, these 4 and 5 %.
    *(
        Rule(f"gopher_duplicate_{n}grams", GOPHER, most=round(0.30 - n / 100, 2), note="+ 0.10")
        for n in range(5, 11)
    ),
    Rule("fineweb_line_punctuation", FINEWEB, least=0.12, shape=True, note="wrapped lines joined"),
    Rule("fineweb_short_lines", FINEWEB, most=0.67, shape=True),
    Rule("fineweb_duplicate_line_characters", FINEWEB, most=0.1, shape=True),
    Rule("fineweb_newlines", FINEWEB, most=0.3, shape=True, note="blank lines are not counted"),
    Rule(
        "menu_lines", OWN, most=0.1, note="share of lines; 25 % of raw pages, 1 % at most of others"
    ),
)


def measures(texts: Texts) -> dict[str, npt.NDArray[np.float64]]:
    """Every rule's measure of each text, and the shares of its lines that are code and prose.

    Not a number where a rule does not apply.
    """
    import numpy as np

    from webscale_dagster.text.page_shape import line_shapes
    from webscale_dagster.text.sign_shape import sign_shapes
    from webscale_dagster.text.word_shape import word_shapes

    signs = sign_shapes(texts)
    lines = line_shapes(texts, signs)
    words, n_words = word_shapes(texts, signs)
    found = {
        "broken_encoding": signs.broken,
        **lines.measures,
        **words,
        "fineweb_newlines": lines.count / n_words,
        "fineweb_duplicate_line_characters": lines.measures["gopher_duplicate_line_characters"],
        "c4_lorem_ipsum": signs.lorem_ipsum,
        "c4_curly_brackets": np.maximum(signs.curly - signs.formulas, 0) / n_words,
        # Thai, Lao and Khmer have no full stop.
        "c4_sentences": np.where(
            signs.unspaced & (signs.sentences == 0), np.nan, signs.sentences + lines.unended
        ),
        "gopher_symbols": signs.symbols / n_words,
    }
    return {name: np.asarray(values, np.float64) for name, values in found.items()}
