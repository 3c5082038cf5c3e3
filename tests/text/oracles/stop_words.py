"""Stop words of any language, by sets of strings."""

from __future__ import annotations

from collections.abc import Sequence

from webscale_dagster.text.stop_words import STOP_WORDS

_LAST_LISTED = "\u052f"  # Latin, Greek and Cyrillic letters end here
_SAMPLE = 2_000  # characters by which the script is judged


def stop_words(text: str, tokens: Sequence[str]) -> int | None:
    """Most stop words of any one language; none for scripts without a list."""
    if not text.isascii() and _is_foreign(text[:_SAMPLE]):
        return None
    present = set(tokens)
    if not present.isdisjoint(STOP_WORDS["en"]) and len(present & STOP_WORDS["en"]) > 1:
        return len(present & STOP_WORDS["en"])
    present = {token.casefold() for token in present}
    return max(len(present & listed) for listed in STOP_WORDS.values())


def _is_foreign(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    foreign = sum(
        character > _LAST_LISTED and not "\u1e00" <= character <= "\u1fff" for character in letters
    )
    return foreign > len(letters) / 2
