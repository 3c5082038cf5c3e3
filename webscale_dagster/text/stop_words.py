"""Common words of running text, by language.

Lists of each language's commonest words; reads and writes nothing. Gopher lists eight English
words, of which running text has two; the other lists are their counterparts.
"""

from __future__ import annotations

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
