"""Common words of running text, by language.

Makes the number of a language's commonest words that a text has; reads and writes nothing. Gopher
lists eight English words, of which running text has two; the other lists are their counterparts.
"""

from __future__ import annotations

from collections.abc import Sequence

STOP_WORDS: dict[str, frozenset[str]] = {
    "en": frozenset(
        ["the", "be", "to", "of", "and", "that", "have", "with"]
    ),  # Gopher, appendix A.1.1
    "de": frozenset(["der", "die", "und", "in", "zu", "das", "mit", "den", "von", "nicht"]),
    "fr": frozenset(["le", "la", "les", "de", "et", "que", "des", "est", "dans", "en"]),
    "es": frozenset(["el", "la", "de", "que", "y", "en", "los", "del", "con", "una"]),
    "it": frozenset(["il", "la", "di", "che", "e", "del", "in", "con", "per", "un"]),
    "pt": frozenset(["o", "a", "de", "que", "e", "do", "da", "em", "com", "os"]),
    "nl": frozenset(["de", "het", "een", "en", "van", "dat", "in", "is", "met", "op"]),
    "pl": frozenset(["i", "w", "na", "z", "nie", "się", "do", "że", "jest", "od"]),
    "ro": frozenset(["și", "de", "în", "a", "cu", "la", "pe", "din", "o", "care"]),
    "ru": frozenset(["и", "в", "на", "не", "с", "что", "по", "как", "для", "от"]),
    "tr": frozenset(["ve", "bir", "bu", "da", "de", "için", "ile", "olarak", "en", "olan"]),
    "el": frozenset(["και", "το", "της", "την", "του", "να", "από", "με", "η", "στην"]),
    "vi": frozenset(["và", "của", "các", "là", "có", "được", "trong", "cho", "một", "những"]),
}
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
