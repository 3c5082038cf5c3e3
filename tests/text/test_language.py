from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
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


@pytest.mark.parametrize("code", SENTENCES)
@pytest.mark.parametrize("times", [8, 13, 100, 2000])
def test_long_texts(code: str, times: int) -> None:
    assert detect_language(" ".join([SENTENCES[code]] * times)) == (code, 0.99)


def test_a_language_of_one_third_is_not_overlooked() -> None:
    text = " ".join([SENTENCES["de"]] * 20 + [SENTENCES["en"]] * 10)
    code, confidence = detect_language(text)
    assert code == "de"
    assert 0.6 < confidence < 0.75


def test_a_list_of_english_names_is_in_the_language_around_it() -> None:
    names = "Rutherford Hayes, Theodore Roosevelt, Milton Friedman, Ronald Reagan, Larry Ellison, "
    spanish = (
        f"Entre los alumnos de la universidad están {names * 2}y el director general del banco."
    )
    assert detect_language(spanish)[0] == "es"
    english = f"Among the students of the university were {names * 2}and the head of the bank."
    assert detect_language(english)[0] == "en"


def test_short_russian_is_found_and_its_relatives_are_not_taken_for_it() -> None:
    assert detect_language("Кто пел государственный гимн?")[0] == "ru"
    for code, question in {
        "uk": "Хто співав державний гімн на відкритті матчу?",
        "bg": "Кой изпя националния химн при откриването на мача?",
        "sr": "Ко је певао државну химну на отварању утакмице?",
    }.items():
        assert detect_language(question)[0] in (code, "und")


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


@given(st.text(st.characters(), min_size=1, max_size=60))
def test_never_raises_on_long_texts(text: str) -> None:
    assert 0 <= detect_language(text * 900)[1] <= 1


@pytest.mark.realdata
def test_languages_of_real_documents(corpora: Path) -> None:
    right: dict[str, Counter[bool]] = defaultdict(Counter)
    for path in (corpora / "corpora").glob("*.jsonl.zst"):
        for document in _read(path):
            domain, lang, code = document["domain"], document["lang"], document["code"]
            if domain == "multilingual_noise" and lang != "eng":
                right["not called English"][code != "en"] += 1
            elif domain.startswith("multilingual_") and domain != "multilingual_noise":
                right[f"{domain} {lang}"][code == lang] += 1
            elif lang == "en" and domain != "web":
                right[document["source"]][code == "en"] += 1
    assert len(right) > 60
    for name, found in right.items():
        assert found[True] / found.total() >= 0.99, (name, found)


def _read(path: Path) -> list[dict[str, Any]]:
    with path.open("rb") as packed:
        text = zstandard.ZstdDecompressor().stream_reader(packed).read()
    documents = [orjson.loads(line) for line in text.splitlines() if line]
    documents = [document for document in documents if len(document["text"]) > 200]
    return [d | {"code": detect_language(d["text"])[0]} for d in documents]
