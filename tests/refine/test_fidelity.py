"""A rewrite is taken only if it says what the original says, and nothing else."""

from __future__ import annotations

import pytest

from tests.refine.fakes import ARTICLE
from webscale_dagster.refine.fidelity import infidelity

LONG = ARTICLE + "\n\nWrite to Eva Holm, eva@example.org, or call 030 1234567. It is not far."


def _with(old: str, new: str) -> str:
    assert old in LONG
    return LONG.replace(old, new)


@pytest.mark.parametrize(
    "cleaned",
    [
        LONG,
        ARTICLE,
        _with("Eva Holm, eva@example.org, or call 030 1234567", "[name], [email], or call [phone]"),
        _with("It passes through ten countries, more than any other river. ", ""),
        _with("trade route", "traderoute"),  # a word or two may be mended
        _with("\n\n", "\n"),
    ],
)
def test_faithful(cleaned: str) -> None:
    assert infidelity(LONG, cleaned) is None


@pytest.mark.parametrize(
    ("cleaned", "problem"),
    [
        ("", "nothing is left"),
        ("[email] [phone]", "nothing is left"),
        (_with("2,850", "2,580"), "number 2,580 is new"),
        (_with("2,850", "2850"), "number 2850 is new"),
        (_with("1992", "1992, 30 years"), "number 30 is new"),
        (
            _with("171 kilometres has", "1992 kilometres has").replace("since 1992", ""),
            "out of place",
        ),
        (_with("some 300", "some 171").replace("of 171", "of 300"), "out of place"),
        (_with("through ten", "through twelve"), "'twelve' is new"),
        (_with("It passes", "It never passes"), "'never' is new"),
        (_with("ships can", "ships can't"), "'t' is new"),
        (
            LONG + " Buy waterproof jackets in our wonderful discount outlet.",
            "content words are new",
        ),
        ("A river of Germany is described with its countries, capitals and trade.", "new"),
        ("The Danube rises in Germany.", "words are left"),
        (" ".join(sorted(ARTICLE.replace("2,850", "").split(), key=str.lower)), ""),
    ],
)
def test_unfaithful(cleaned: str, problem: str) -> None:
    found = infidelity(LONG, cleaned)
    assert found is not None and problem in found


def test_another_order_of_the_same_words_is_another_text() -> None:
    text = "Old wolves fear young bears while grey foxes chase white hares over green hills."
    said = "White hares fear grey foxes while young bears chase old wolves over green hills."
    assert "neighbouring words" in str(infidelity(text, said))
