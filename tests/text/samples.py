"""Made-up prose for tests: seeded, so that a failure can be repeated."""

from __future__ import annotations

import random

SYLLABLES = [consonant + vowel for consonant in "bcdfghjklmnprstvwz" for vowel in "aeiou"]


def vocabulary(seed: int, size: int = 4000) -> list[str]:
    draw = random.Random(seed)
    return ["".join(draw.choices(SYLLABLES, k=draw.randint(2, 4))) for _ in range(size)]


WORDS = vocabulary(0)


def prose(seed: int, n_words: int) -> str:
    """Sentences of ten words, five to a paragraph."""
    words = random.Random(seed).choices(WORDS, k=n_words)
    sentences = [" ".join(words[i : i + 10]).capitalize() + "." for i in range(0, n_words, 10)]
    return "\n\n".join(" ".join(sentences[i : i + 5]) for i in range(0, len(sentences), 5))


def edited(text: str, share: float, seed: int) -> str:
    """The text with a share of its words replaced."""
    draw = random.Random(seed)
    return " ".join(
        draw.choice(WORDS) if draw.random() < share else word for word in text.split(" ")
    )
