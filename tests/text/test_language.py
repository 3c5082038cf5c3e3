from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webscale_dagster.text import detect_language

SENTENCES = {
    "en": "The committee will meet again next week to discuss the proposal in more detail.",
    "de": "Der Ausschuss wird nächste Woche erneut zusammentreten, um den Vorschlag zu besprechen.",
    "fr": "Le comité se réunira de nouveau la semaine prochaine pour examiner la proposition.",
    "ru": "Комитет соберётся на следующей неделе, чтобы подробнее обсудить это предложение.",
    "ja": "委員会は来週もう一度集まり、その提案についてくわしく話し合います。",
    "zh": "委员会下周将再次开会，更详细地讨论这项建议。",
    "he": "הוועדה תתכנס שוב בשבוע הבא כדי לדון בהצעה ביתר פירוט.",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_languages(code: str) -> None:
    found, confidence = detect_language(SENTENCES[code] * 3)
    assert found == code
    assert 0.5 < confidence <= 1


@pytest.mark.parametrize("text", ["", "   ", "123 456 --- 789", "\x00\x01\x02", "\ud800", "\ufffe"])
def test_undecided(text: str) -> None:
    assert detect_language(text) == ("und", 0.0)


def test_text_in_a_wrong_encoding_is_undecided() -> None:
    chinese = SENTENCES["zh"] * 20
    assert detect_language(chinese.encode("gbk").decode("latin-1"))[0] == "und"


def test_control_characters_and_surrogates_do_not_hide_the_language() -> None:
    text = "\x00".join(SENTENCES["en"].split(" ")) + "\ud800 \x9f" + SENTENCES["en"]
    assert detect_language(text)[0] == "en"


def test_addresses_and_markup_do_not_count() -> None:
    text = SENTENCES["de"] + " https://example.org/the/quick/brown/fox/and/more" * 20
    assert detect_language(text)[0] == "de"


@given(st.text(st.characters(), max_size=300))
def test_never_raises(text: str) -> None:
    code, confidence = detect_language(text)
    assert code.islower()
    assert 0 <= confidence <= 1
