from __future__ import annotations

import re

import pytest
from hypothesis import given

from tests.text.oracles import damage, quality
from tests.text.strategies import texts
from webscale_dagster.text.kernels.utf8 import encode
from webscale_dagster.text.sign_shape import SignShapes, sign_shapes

# What the expressions of the oracle find, by name of the count.
COUNTED = {
    "sentences": quality._SENTENCE,
    "symbols": quality._SYMBOLS,
    "formulas": quality._FORMULA,
    "curly": re.compile("{"),
}


def shapes(*given: str) -> SignShapes:
    return sign_shapes(encode(given))


@given(texts, texts)
def test_signs_are_counted_as_expressions_find_them(text: str, other: str) -> None:
    found = shapes(other, text, other)
    for name, expression in COUNTED.items():
        assert getattr(found, name)[1] == len(expression.findall(text)), name
    assert found.broken[1] == damage.broken_share(text)
    assert found.unspaced[1] == damage.is_unspaced(text)
    assert found.lorem_ipsum[1] == ("lorem ipsum" in text.lower())


@pytest.mark.parametrize(
    ("text", "name", "count"),
    [
        ("He said “Stop.” (So I did.) It is 3.5 m. Why?! Yes", "sentences", 4),
        ("港は町に作られた。古い？ वह गया।", "sentences", 3),
        ("wait.... what… #one ..", "symbols", 3),
        (r"\frac{a}{b} x^{2} y_ {3} $a$ {plain} \{set\}", "formulas", 8),
    ],
)
def test_signs_of_sentences_symbols_and_formulas(text: str, name: str, count: int) -> None:
    assert getattr(shapes(text), name)[0] == count


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("grÃ¶ÃŸer", 4 / 8),
        ("â€œquotedâ€\x9d", 7 / 12),
        ("ðŸ˜€", 1),
        ("Ê±¾©µÄ", 1),
        ("déjà, ça, créée, ação", 0),
        ("a\ufffd\ud800\x00", 3 / 4),
    ],
)
def test_text_in_a_wrong_encoding_is_broken(text: str, broken: float) -> None:
    assert shapes(text).broken[0] == pytest.approx(broken)


def test_notices_are_lines_with_a_phrase_in_any_case() -> None:
    found = shapes(
        "Please enable JavaScript.\nI like javascript.\nJAVASCRIPT is required: it requires it.",
        "We use Coo\u212aies.\nRead the TERMS OF USE\nand our privacy policy; I bake cookies.",
        "java script\nterms of\nuse coo kies",
    )
    assert found.javascript_lines.tolist() == [2, 0, 0]
    assert found.policy_lines.tolist() == [0, 3, 0]


def test_a_phrase_does_not_begin_in_one_text_and_end_in_the_next() -> None:
    found = shapes("lorem ip", "sum java", "script", "")
    assert not found.lorem_ipsum.any()
    assert not found.javascript_lines.any()


@pytest.mark.parametrize(
    ("text", "foreign"),
    [("Straße και улица", False), ("नमस्ते दुनिया", True), ("ẤẾỐ", False), ("1 + 2", False)],
)
def test_scripts_without_a_list_of_stop_words(text: str, foreign: bool) -> None:
    assert shapes(text).foreign[0] == foreign
