"""The answer type ``constraints``: instructions about a response that a program can check.

Option ``constraints``: a list of objects, each a ``kind`` with its parameters, after IFEval (arXiv
2311.07911) and IFBench (arXiv 2507.02833). Counts are ``at_least``, ``at_most`` or ``exactly``:

    {"kind": "words", "at_least": 40, "at_most": 80}   also sentences, paragraphs, lines,
                               characters, bullets, highlights, placeholders, capital_words
    {"kind": "keyword", "keyword": "tide", "at_least": 2}    {"kind": "no_keyword", "keyword": …}
    {"kind": "letter", "letter": "q", "at_most": 3}          {"kind": "repetition", "at_most": 2}
    {"kind": "starts_with", "text": …}                       {"kind": "ends_with", "text": …}
    {"kind": "sections", "header": "Part", "exactly": 3}     {"kind": "json", "keys": ["name"]}
    {"kind": "paragraph_starts", "paragraph": 2, "text": …}  {"kind": "postscript", "text": "P.S."}
    {"kind": "one_of", "texts": [… , …]}                     {"kind": K} with K of uppercase,
                     lowercase, no_commas, title (<<…>>), quoted, two_responses (****** between)

What follows the reasoning is judged; the ground truth is not used. The score is the share of the
constraints that are met, the outcome is correct where all are. ``writing`` says what a word is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from webscale_dagster.verifiers import writing
from webscale_dagster.verifiers.outcome import OptionError, Options, Outcome

_MOST_CONSTRAINTS = 100
_MOST_CHARS = 2_000  # of a parameter
_COUNTS = ("at_least", "at_most", "exactly")

Rule = Mapping[str, Any]

# Kinds that count something, with the parameters that say what.
_COUNTED: Mapping[str, tuple[Callable[..., int], tuple[str, ...]]] = {
    "words": (writing.words, ()),
    "sentences": (writing.sentences, ()),
    "paragraphs": (writing.paragraphs, ()),
    "lines": (writing.lines, ()),
    "characters": (len, ()),
    "bullets": (writing.bullets, ()),
    "highlights": (writing.highlights, ()),
    "placeholders": (writing.placeholders, ()),
    "capital_words": (writing.capital_words, ()),
    "repetition": (writing.repetition, ()),
    "keyword": (writing.occurrences, ("keyword",)),
    "letter": (writing.letters, ("letter",)),
    "sections": (writing.sections, ("header",)),
}
_MET: Mapping[str, tuple[Callable[..., bool], tuple[str, ...]]] = {
    "no_keyword": (lambda text, word: writing.occurrences(text, word) == 0, ("keyword",)),
    "starts_with": (writing.starts_with, ("text",)),
    "ends_with": (writing.ends_with, ("text",)),
    "paragraph_starts": (writing.paragraph_starts, ("paragraph", "text")),
    "one_of": (writing.is_one_of, ("texts",)),
    "postscript": (writing.has_postscript, ("text",)),
    "json": (writing.is_json_with, ("keys",)),
    "uppercase": (writing.is_uppercase, ()),
    "lowercase": (writing.is_lowercase, ()),
    "no_commas": (writing.has_no_commas, ()),
    "title": (writing.has_title, ()),
    "quoted": (writing.is_quoted, ()),
    "two_responses": (writing.is_two_responses, ()),
}


def check(truth: str, options: Options) -> None:
    """Raises ``OptionError`` where the constraints cannot be used; any truth will do."""
    del truth
    _constraints(options)


def score(completion: str, truths: Sequence[str], options: Options) -> Outcome:
    """The share of the constraints that the response meets."""
    del truths
    rules = _constraints(options)
    text = writing.response(completion)
    unmet = [rule for rule in rules if not _is_met(text, rule)]
    if not unmet:
        return Outcome(1.0, "correct", f"all {len(rules)} constraints are met")
    first = json.dumps(unmet[0], ensure_ascii=False)[:300]
    share = (len(rules) - len(unmet)) / len(rules)
    return Outcome(share, "wrong", f"{len(unmet)} of {len(rules)} unmet, the first: {first}")


def _is_met(text: str, rule: Rule) -> bool:
    kind = rule["kind"]
    if kind in _MET:
        met, names = _MET[kind]
        return met(text, *(rule.get(name, ()) for name in names))
    count, names = _COUNTED[kind]
    found = count(text, *(rule[name] for name in names))
    if kind == "keyword" and not set(_COUNTS) & set(rule):
        return found > 0
    at_least, at_most = rule.get("at_least", 0), rule.get("at_most", found)
    return bool(at_least <= found <= at_most and found == rule.get("exactly", found))


def _constraints(options: Options) -> list[Rule]:
    given = options.get("constraints")
    if not isinstance(given, (list, tuple)) or not 0 < len(given) <= _MOST_CONSTRAINTS:
        raise OptionError(f"constraints must be a list of 1 to {_MOST_CONSTRAINTS} objects")
    for rule in given:
        _check_rule(rule)
    return list(given)


def _check_rule(rule: Any) -> None:
    if not isinstance(rule, Mapping) or not isinstance(rule.get("kind"), str):
        raise OptionError(f"constraints: {str(rule)[:80]!r} is no object with a kind")
    kind = rule["kind"]
    if kind not in _COUNTED and kind not in _MET:
        known = ", ".join(sorted({*_COUNTED, *_MET}))
        raise OptionError(f"constraints: unknown kind {kind!r}; known: {known}")
    names = _COUNTED[kind][1] if kind in _COUNTED else _MET[kind][1]
    allowed = {"kind", *names, *(_COUNTS if kind in _COUNTED else ())}
    unknown = sorted(set(rule) - allowed)
    if unknown:
        raise OptionError(f"constraints: {kind!r} has no parameter {unknown[0]!r}")
    missing = [name for name in names if name not in rule and name != "keys"]
    if kind in _COUNTED and kind != "keyword" and not set(_COUNTS) & set(rule):
        missing.append("at_least, at_most or exactly")
    if missing:
        raise OptionError(f"constraints: {kind!r} needs {missing[0]}")
    for name in set(rule) - {"kind"}:
        if not _is_usable(name, rule[name]):
            raise OptionError(f"constraints: {kind!r} cannot use {name} = {str(rule[name])[:60]!r}")


def _is_usable(name: str, value: Any) -> bool:
    if name in _COUNTS or name == "paragraph":
        return type(value) is int and int(name == "paragraph") <= value <= 10**7
    if name in ("keys", "texts"):
        return isinstance(value, (list, tuple)) and all(map(_is_text, value))
    return _is_text(value) and (name != "letter" or len(value) == 1)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= _MOST_CHARS
