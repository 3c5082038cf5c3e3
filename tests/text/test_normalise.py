from __future__ import annotations

import re
import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webscale_dagster.text.normalise import (
    broken_share,
    is_unspaced,
    normalise,
    normalise_all,
    text_hash,
    words,
)

ANY = st.text(st.characters(), max_size=200)  # with control characters and lone surrogates
TRICKY = st.text(st.sampled_from("ab \n\r\t\x00\x85\u2028\u0301\ud83d\ude00\u200b\u00ad\ufeffÅé"))


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("nul\x00 and bell\x07", "nul and bell"),
        ("tab\tstays", "tab\tstays"),
        ("spaces   \nat\u00a0 \t\nends", "spaces\nat\nends"),
        ("a\n\n\n\n\n\nb", "a\n\n\nb"),
        ("a\n\n\nb", "a\n\n\nb"),
        ("\n\n    indented\n", "    indented"),
        ("e\u0301te\u0301", "été"),
        ("x² ﬁ Ａ", "x² ﬁ Ａ"),
        ("lone \ud800 half", "lone \ufffd half"),
        ("\ud83d\ude00", "😀"),
        ("\ufeffsoft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_stored_text(raw: str, stored: str) -> None:
    assert normalise(raw) == stored


@given(ANY | TRICKY)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert unicodedata.is_normalized("NFC", once)
    once.encode("utf-8")  # no surrogates are left
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]|[ \t]\n|\n{4}", once)


@given(ANY)
def test_nothing_but_lone_surrogates_becomes_a_replacement_character(text: str) -> None:
    lone = len(re.findall("[\ud800-\udfff]", re.sub("[\ud800-\udbff][\udc00-\udfff]", "", text)))
    assert normalise(text).count("\ufffd") == text.count("\ufffd") + lone


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The QUICK, brown-fox!", ["the", "quick", "brown", "fox"]),
        ("don't don’t", ["don", "t", "don", "t"]),
        ("x_1 = 3.14", ["x_1", "3", "14"]),
        ("Straße ﬁne ＡＢ", ["strasse", "fine", "ab"]),
        ("東京に行く", ["東", "京", "に", "行", "く"]),
        ("ab東cd", ["ab", "東", "cd"]),
        ("กำลัง", ["ก\u0e4d", "า", "ล\u0e31", "ง"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("soft\u00adhyphen zero\u200bwidth", ["softhyphen", "zerowidth"]),
        ("... !!! —", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text(st.characters(max_codepoint=127)))
def test_words_of_ascii_are_lower_case_runs(text: str) -> None:
    assert words(text) == re.findall(r"\w+", text.lower())


@given(ANY)
def test_words_hold_no_space_and_are_found_again(text: str) -> None:
    found = words(text)
    assert not any(re.search(r"\s", word) for word in found)
    assert words(" ".join(found)) == found


@given(ANY, ANY)
def test_equal_hashes_mean_equal_texts(a: str, b: str) -> None:
    assert (text_hash(a) == text_hash(b)) == (a == b)


def test_the_hash_never_changes() -> None:
    assert text_hash("abc") == "ba7816bf8f01cfea414140de"


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("Plain prose with café, naïve and Ærøskøbing.", 0, 0),
        ("Ünïcode is fine: «quoted», 20 °C, 5 × 3.", 0, 0),
        ("", 0, 0),
        ("\ufffd\ufffdab", 0.5, 0.5),
        ("cafÃ© and donâ€™t", 0.1, 0.4),
        ("ÏãÛ×î¿ì¿ª½±ÏÖ³¡", 0.9, 1),
    ],
)
def test_broken_share(text: str, low: float, high: float) -> None:
    assert low <= broken_share(text) <= high


@pytest.mark.parametrize(
    ("text", "expected"),
    [("plain", False), ("das Größte", False), ("日本語の文", True), ("", False)],
)
def test_scripts_without_spaces(text: str, expected: bool) -> None:
    assert is_unspaced(text) is expected


@given(st.lists(st.none() | st.text() | TRICKY, max_size=6))
def test_a_column_is_normalised_text_by_text(texts: list[str | None]) -> None:
    valid = [None if text is None else text.encode("utf-8", "replace").decode() for text in texts]
    made = normalise_all(pl.Series(valid, dtype=pl.String))
    assert made.to_list() == [None if text is None else normalise(text) for text in valid]


def test_every_character_in_a_column_is_normalised_as_alone() -> None:
    texts = [f"a{chr(code)}\u0301 b" for code in range(0x30000) if not 0xD800 <= code < 0xE000]
    assert normalise_all(pl.Series(texts)).to_list() == [normalise(text) for text in texts]


def test_a_plain_column_is_left_alone() -> None:
    column = pl.Series(["Plain — “text”, naïve.\n\n\nTwo", "", "\ttab", "東京"])
    assert normalise_all(column) is column
