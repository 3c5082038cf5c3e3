"""What the published rules measure, and which texts fail them."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.text.samples import prose
from webscale_dagster.text import quality
from webscale_dagster.text.kernels.utf8 import encode
from webscale_dagster.text.published_rules import RULES, measures
from webscale_dagster.text.quality import judge

LIMITS = {rule.name: (rule.least, rule.most) for rule in RULES}
PAGE = Path(__file__).parents[2] / "docs" / "quality_rules.md"
SENTENCE = "The cat of the house sat with that dog, and the two were to have it all. "
WORDS = " ".join(f"w{number}" for number in range(60))


def measured(text: str, **options: object) -> dict[str, float]:
    found = measures(encode([text]), **options)  # type: ignore[arg-type]
    return {name: float(values[0]) for name, values in found.items()}


def failed(text: str, **thresholds: float) -> tuple[str, ...]:
    return quality(text, profile="published", thresholds=thresholds).failed


def test_each_rule_has_a_measure_a_limit_and_a_source() -> None:
    assert list(measured("One two three.")) == list(LIMITS)
    for rule in RULES:
        assert (rule.least is None) != (rule.most is None)
        assert "arXiv" in rule.source or "datatrove" in rule.source
        assert rule.note and not rule.shape and not rule.prose  # every rule counts in every text


def test_limits_are_the_published_ones() -> None:
    assert LIMITS["gopher_min_words"] == (50, None)
    assert LIMITS["gopher_max_words"] == (None, 100_000)
    assert [LIMITS[f"gopher_top_{n}gram"][1] for n in (2, 3, 4)] == [0.20, 0.18, 0.16]
    duplicated = [LIMITS[f"gopher_duplicate_{n}grams"][1] for n in range(5, 11)]
    assert duplicated == [0.15, 0.14, 0.13, 0.12, 0.11, 0.10]
    assert LIMITS["c4_sentences"] == (3, None)
    assert LIMITS["fineweb_duplicate_line_characters"] == (None, 0.1)


def test_good_prose_fails_nothing() -> None:
    sentences = prose(3, 200).replace("\n\n", " ").rstrip(".").split(". ")
    assert failed("\n".join(f"The {sentence} of it and me." for sentence in sentences)) == ()


@pytest.mark.parametrize(
    ("text", "rule", "value"),
    [
        ("one two three - ... !", "gopher_min_words", 3),
        ("ab abcd !!", "gopher_short_words", 3.0),
        ("# one two #", "gopher_hashes", 0.5),
        ("one... two… .....", "gopher_ellipsis_symbols", 3 / 5),
        ("- one\n  • two\nthree", "gopher_bullets", 2 / 3),
        ("one...\ntwo …  \nthree\n\n", "gopher_ellipses", 2 / 4),
        ("one 2 three 4", "gopher_alphabetic", 0.5),
        ("The the of OF and", "gopher_stop_words", 3),
        ("a b\na b\nc\n\na b", "gopher_duplicate_lines", 2 / 4),
        ("a b\na b\nc\n\na b", "gopher_duplicate_line_characters", 6 / 14),
        ("a\nb\n\na\nb\n\n\nc", "gopher_duplicate_paragraphs", 1 / 3),
        ("a\nb\n\na\nb\n\n\nc", "gopher_duplicate_paragraph_characters", 3 / 12),
        ("a b c a b d a b", "gopher_top_2gram", 9 / 15),
        ("a b c d e a b c d e", "gopher_duplicate_5grams", 5 / 19),
        ("a a a a a a a a a a a", "gopher_duplicate_5grams", 10 / 21),
        ("It says lorem ipsum in small letters.", "c4_lorem_ipsum", 1),
        ("It says { in the middle of it.", "c4_curly_brackets", 1),
        ("It says { in a heading", "c4_curly_brackets", 0),
        ("One two three four five. Six seven! Eight (nine)?", "c4_sentences", 3),
        ("One two three four.\nOne two three four five.", "c4_sentences", 1),
        ("One two three four five...\nOne two three four 'five'", "c4_sentences", 0),
        ("One two three four five.[1]\nOne two[12] three four [edit]five.", "c4_sentences", 2),
        ("One two three four five. [1]", "c4_sentences", 0),
        (
            "JavaScript must be switched on here.\nThis site uses cookies, as others do.",
            "c4_sentences",
            0,
        ),
        ("One.\nTwo!\n\nThree\n \n", "fineweb_line_punctuation", 2 / 3),
        (f"{'x' * 30}\n{'y' * 31}", "fineweb_short_lines", 0.5),
        ("ab\n\nab\n \n \ncd", "fineweb_duplicate_line_characters", 2 / 8),
        ("one two\nthree\n", "fineweb_newlines", 2 / 3),
    ],
)
def test_a_measure(text: str, rule: str, value: float) -> None:
    assert measured(text)[rule] == pytest.approx(value)


def test_c4_looks_at_more_lines_as_datatrove_does() -> None:
    text = "Three short words.\nAnd in 'quotes'"
    assert measured(text)["c4_sentences"] == 0
    assert measured(text, c4_words=3)["c4_sentences"] == 1
    assert measured(text, c4_words=3, c4_apostrophe=True)["c4_sentences"] == 2


def test_a_line_with_a_very_long_word_is_not_c4s() -> None:
    line = "one two three four five six seven."
    assert measured(f"{line} {'x' * 999}.")["c4_sentences"] == 2
    assert measured(f"{line} {'x' * 1000}.")["c4_sentences"] == 0


@pytest.mark.parametrize(
    ("rule", "text", "at_limit"),
    [
        ("gopher_min_words", WORDS, 60),
        ("gopher_hashes", WORDS + " #" * 4, 4 / 64),
        ("gopher_stop_words", "the and of " + WORDS, 3),
        ("c4_sentences", SENTENCE * 3, 3),
        ("fineweb_line_punctuation", "One.\nTwo\nThree\nFour", 0.25),
        ("fineweb_short_lines", "One.\n" + "x" * 40, 0.5),
    ],
)
def test_a_text_at_a_limit_is_kept(rule: str, text: str, at_limit: float) -> None:
    assert measured(text)[rule] == at_limit
    worse = 1e-9 if LIMITS[rule][0] is not None else -1e-9
    assert rule not in failed(text, **{rule: at_limit})
    assert rule in failed(text, **{rule: at_limit + worse})


@pytest.mark.parametrize("text", ["", " \n\t ", "\u200b", "a", "\ud800"])
def test_texts_of_next_to_nothing_are_rejected(text: str) -> None:
    assert {"gopher_min_words", "c4_sentences", "fineweb_line_punctuation"} <= set(failed(text))
    assert not any(map(math.isinf, measured(text).values()))


def test_measures_do_not_depend_on_the_batch() -> None:
    texts = ["", prose(1, 300), "a\n" * 2000, "• x\n" * 30, prose(2, 50) + "[1]."]
    together = measures(encode(texts))
    column = measures(encode(pl.Series([*texts, "cut off"])[:5]))
    for name, values in together.items():
        alone = [measured(text)[name] for text in texts]
        np.testing.assert_array_equal(values, alone)
        np.testing.assert_array_equal(column[name], alone)
        assert values.dtype == np.float64
    assert all(len(values) == 0 for values in measures(encode([])).values())


def test_judge_names_the_failed_rules_in_order() -> None:
    judged = judge([SENTENCE, "# menu"], profile="published")
    order = [rule.name for rule in RULES]
    for names in judged["failed"].to_list():
        assert names == sorted(names, key=order.index)
    assert "gopher_hashes" in judged["failed"][1]


def test_the_page_lists_the_rules() -> None:
    rows = ["| rule | what is measured | limit | published in |", "|---|---|---|---|"]
    for rule in RULES:
        limit = f"at least {rule.least}" if rule.most is None else f"at most {rule.most}"
        rows.append(f"| `{rule.name}` | {rule.note} | {limit} | {rule.source} |")
    head, tail = "<!-- generated: rules -->\n", "\n<!-- end: rules -->"
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(head)[0], text.split(tail)[1]
    text = f"{before}{head}{chr(10).join(rows)}{tail}{after}"
    if os.environ.get("WEBSCALE_WRITE_DOCS"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, (
        f"{PAGE.name} is out of date; run WEBSCALE_WRITE_DOCS=1 pytest {Path(__file__).name}"
    )
