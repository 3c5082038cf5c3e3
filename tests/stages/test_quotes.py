from __future__ import annotations

import pytest

from webscale_dagster.stages.quotes import align

TEXT = "The Danube is 2,850 kilometres long. It rises in the Black Forest."


@pytest.mark.parametrize(
    ("quote", "found", "score"),
    [
        ("It rises in the Black Forest.", "It rises in the Black Forest.", 1.0),
        ("It rises in the Black forest.", "It rises in the Black Forest.", 0.96),
        ("It rises, in the Black Forest", "It rises in the Black Forest", 0.96),
    ],
)
def test_a_quote_is_aligned_with_its_text(quote: str, found: str, score: float) -> None:
    aligned = align(quote, TEXT)
    assert TEXT[aligned.start : aligned.end] == found
    assert aligned.score >= score


def test_another_sentence_is_not_found() -> None:
    assert align("The Rhine ends at Rotterdam.", TEXT).score < 0.7
    assert align("zzz", TEXT).score < 0.5
    assert align("quote", "").score == 0.0


def test_a_given_place_is_believed_only_if_the_quote_stands_there() -> None:
    assert align("It rises", TEXT, 37).start == 37
    assert align("It rises", TEXT, 3).start == 37


def test_signs_and_spaces_may_differ() -> None:
    text = "He said – “never again”, and\n left the\u00a0room. Then he came back."
    aligned = align('He said - "never again", and left the room.', text)
    assert aligned.score == 1.0
    assert text[aligned.start : aligned.end] == text[: text.index(" Then")]


def test_offsets_count_characters_whatever_their_width() -> None:
    text = "🎉 Fête à Zürich: 𝒙 grows. " * 3 + "The key is “here”."
    aligned = align('The key is "here".', text)
    assert text[aligned.start : aligned.end] == "The key is “here”."


def test_signs_that_mean_something_in_patterns_are_letters_here() -> None:
    assert align("f(x) = x^2 + [a|b]*", "So f(x)  = x^2 + [a|b]* holds.").score == 1.0
