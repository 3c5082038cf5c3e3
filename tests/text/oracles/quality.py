"""Measures of the adapted rules and what fails them, text by text, with strings."""

from __future__ import annotations

import re

from tests.text.oracles.damage import broken_share, is_unspaced
from tests.text.oracles.page_shape import code_share, is_told, line_measures, repeated
from tests.text.oracles.repetition import ngram_repetition
from tests.text.oracles.stop_words import stop_words
from webscale_dagster.text.adapted_rules import RULES
from webscale_dagster.text.normalise import words
from webscale_dagster.text.quality import THRESHOLDS
from webscale_dagster.text.rule import Rule

_MOSTLY = 0.5
_PARAGRAPHS = re.compile(r"\n\s*\n")
_SENTENCE = re.compile(r"[.!?][\"'”’)\]]*(?=\s|$)|[。！？।؟]")
_FORMULA = re.compile(r"\\[a-zA-Z]+|[\^_]\s?\{|\}\s?\{|\$|\\[{}]")
_SYMBOLS = re.compile(r"#|\.\.\.|…")


def failed_rules(measures: dict[str, float]) -> list[str]:
    code = measures["code_share"] >= _MOSTLY
    mostly_prose = measures["prose_share"] >= _MOSTLY
    return [
        rule.name
        for rule in RULES
        if rule.name in measures
        and not (rule.prose and code)
        and not (rule.shape and mostly_prose)
        and _fails(rule, measures[rule.name], THRESHOLDS[rule.name])
    ]


def _fails(rule: Rule, value: float, limit: float) -> bool:
    return value < limit if rule.least is not None else value > limit


def measures(text: str) -> dict[str, float]:
    raw = text.split("\n")
    kept = [index for index, line in enumerate(raw) if line.strip()]
    lines = [raw[index].strip() for index in kept]
    blanks = [at > 0 and kept[at - 1] != index - 1 for at, index in enumerate(kept)]
    tokens = text.split()
    spaced = not is_unspaced(text)
    tokens = tokens if spaced else words(text)
    found = {
        "broken_encoding": broken_share(text),
        "code_share": code_share([raw[index] for index in kept]),
        **line_measures(lines, blanks),
        **_paragraph_measures(text),
        **_word_measures(text, tokens, spaced),
    }
    count = max(len(tokens), 1)
    found["fineweb_newlines"] = len(lines) / count
    found["fineweb_duplicate_line_characters"] = found["gopher_duplicate_line_characters"]
    found["c4_lorem_ipsum"] = float("lorem ipsum" in text.lower())
    curly = text.count("{")
    found["c4_curly_brackets"] = max(curly - len(_FORMULA.findall(text)), 0) / count if curly else 0
    ended, unended = len(_SENTENCE.findall(text)), found.pop("unended_sentences")
    if spaced or ended:  # Thai, Lao and Khmer have no full stop
        found["c4_sentences"] = ended + unended
    found["gopher_symbols"] = len(_SYMBOLS.findall(text)) / count
    return found


def _paragraph_measures(text: str) -> dict[str, float]:
    told = [part for part in _PARAGRAPHS.split(text) if is_told(part)]
    share, characters = repeated(told)
    return {
        "gopher_duplicate_paragraphs": share,
        "gopher_duplicate_paragraph_characters": characters,
    }


def _word_measures(text: str, tokens: list[str], spaced: bool) -> dict[str, float]:
    plain = [token for token in tokens if token[0].isalnum() or any(map(str.isalnum, token))]
    count = max(len(plain), 1)
    alphabetic = sum(token[0].isalpha() or any(map(str.isalpha, token)) for token in plain)
    found = {"gopher_alphabetic": alphabetic / count}
    if spaced:
        length = sum(map(len, plain)) / count
        found |= {"gopher_short_words": length, "gopher_long_words": length}
        known = stop_words(text, tokens)
        found |= {} if known is None else {"gopher_stop_words": float(known)}
    repeats = ngram_repetition(tokens)
    if not spaced:  # single characters: short runs of them repeat in any text
        repeats = {name: repeats[name] for name in ("duplicate_9grams", "duplicate_10grams")}
    return found | {f"gopher_{name}": value for name, value in repeats.items()}
