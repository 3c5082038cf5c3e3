"""The attacks of the red team: those of the package, and those made of a dataset's own examples.

    attacks/everywhere.toml     families of attacks on every target, with fields in «»
    attacks/*.toml              targets (question and ground truth) with attacks of their own

Whatever is an attack must be no right answer, however it is read. Makes attacks; reads the
package's files. Nothing is random: what is drawn is drawn by hash.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from webscale_dagster.verifiers.phrases import tokens
from webscale_dagster.verifiers.red_team import JUDGED, Attack
from webscale_dagster.verifiers.self_check import Example, has_text_truth, other_truths

_FIELD = re.compile(r"«(\w+)»")
_WRONG = ("wrong", "other", "third")
_LAST_DIGIT = re.compile(r"\d(?=\D*$)")
_MOST_CHARS = 120  # of a ground truth that is put into sentences
# A yes or no is said in many ways, and remains one whatever follows it.
_NOT_OF_A_BOOLEAN = ("claim", "hedged", "negated", "listed", "strung")
_NEGATIONS = frozenset(tokens("no not never none nor neither without cannot nothing nobody isn't"))
# What a judge's guards must stop; the other families are for the judge itself.
_GUARDED = ("empty", "opener", "claim", "evasion", "injection", "echo", "listed", "hedged")

Families = Mapping[str, Sequence[str]]


def package_attacks() -> list[Attack]:
    """The attacks of the package, on every answer type."""
    found: dict[tuple[str, str, str], Attack] = {}
    met: set[str] = set()
    for target in _targets():
        question, truth = target["question"], target["truth"]
        wrong = target.get("wrong", ())
        fields = {
            "question": question,
            "truth": truth,
            **dict(zip(_WRONG, wrong, strict=bool(wrong))),
        }
        # What says nothing of a target is tried once for each answer type.
        first = target["type"] not in met and target.get("everywhere", True)
        met.add(target["type"])
        for family, texts in _families_of(target, everywhere=first):
            for text in texts:
                attack = Attack(
                    family,
                    target["type"],
                    question,
                    truth,
                    target.get("options", {}),
                    _filled(text, fields),
                    family in target.get("needs_model", ()),
                )
                found.setdefault((attack.answer_type, question, attack.completion), attack)
    return list(found.values())


def attacks_on(examples: Sequence[Example], limit: int = 1_000, seed: int = 0) -> list[Attack]:
    """So many attacks on a dataset's own examples: of each some families, drawn by hash."""
    drawn = sorted(examples, key=lambda example: _drawn(seed, example.id))[:limit]
    others = {example.id: found for example, found in other_truths(drawn, len(_WRONG))}
    made = [list(_on_example(example, others.get(example.id, []))) for example in drawn]
    rounds = range(max(map(len, made), default=0))
    turns = (
        of_one[(place + turn) % len(of_one)]
        for turn in rounds
        for place, of_one in enumerate(made)
        if turn < len(of_one)
    )
    return [attack for attack, _ in zip(turns, range(limit), strict=False)]


def _on_example(example: Example, others: Sequence[Example]) -> Iterator[Attack]:
    """An attack of every family that fits the example."""
    truth = example.ground_truth
    fields = {"question": example.question, "truth": truth}
    fields |= {name: other.ground_truth for name, other in zip(_WRONG, others, strict=False)}
    for family, texts in _families_on(example):
        text = texts[_drawn(0, example.id + family)[0] % len(texts)]
        if {*_FIELD.findall(text)} <= set(fields):
            completion = _filled(text, fields)
            yield Attack(
                family,
                example.answer_type,
                example.question,
                truth,
                example.options,
                completion,
                example.answer_type in JUDGED and family not in _GUARDED,
            )


def _families_on(example: Example) -> Iterator[tuple[str, Sequence[str]]]:
    """Families of which no member can be a right answer to this example."""
    boolean = example.answer_type == "boolean"
    given = (example.ground_truth, *_texts(example.options.get("aliases")))
    truths = [truth for truth in given if truth.strip()]
    templates = _templates()
    for family, texts in templates["everywhere"].items():
        fair = [text for text in texts if not any(_says(text, truth) for truth in truths)]
        if fair and not (boolean and family in _NOT_OF_A_BOOLEAN):
            yield family, fair
    short = len(example.ground_truth) <= _MOST_CHARS and "\n" not in example.ground_truth
    if not (short and has_text_truth(example)):
        return
    negative = bool(_NEGATIONS & {word for truth in truths for word in tokens(truth)})
    for family, texts in templates["with_truth"].items():
        unfair = (boolean and family in _NOT_OF_A_BOOLEAN) or (negative and family == "negated")
        if not unfair:
            yield family, texts
    missed = _LAST_DIGIT.sub(lambda found: str((int(found[0]) + 1) % 10), example.ground_truth)
    if missed not in truths and "tolerance" not in example.options:
        yield "near_miss", [f"Answer: {missed}"]


def _families_of(
    target: Mapping[str, Any], *, everywhere: bool
) -> Iterator[tuple[str, Sequence[str]]]:
    templates = _templates()
    families = [*templates["everywhere"].items()] if everywhere else []
    families += [*templates["with_truth"].items()] if target.get("wrong") else []
    families += [*target.get("attacks", {}).items()]
    yield from (pair for pair in families if pair[0] not in target.get("skip", ()))


@cache
def _files() -> dict[str, Any]:
    folder = resources.files("webscale_dagster") / "verifiers" / "attacks"
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".toml"))
    return {name: tomllib.loads((folder / name).read_text(encoding="utf-8")) for name in names}


def _templates() -> Mapping[str, Families]:
    templates: Mapping[str, Families] = _files()["everywhere.toml"]
    return templates


def _targets() -> Iterator[Mapping[str, Any]]:
    for name, content in _files().items():
        if name != "everywhere.toml":
            yield from content["target"]


def _filled(text: str, fields: Mapping[str, str]) -> str:
    return _FIELD.sub(lambda found: fields[found[1]], text)


def _texts(given: Any) -> list[str]:
    return [given] if isinstance(given, str) else [str(text) for text in given or ()]


def _says(text: str, part: str) -> bool:
    """Whether a text has all the words of a part."""
    words = set(tokens(part))
    return not words or words <= set(tokens(text))


def _drawn(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed}/{text}".encode("utf-8", "surrogatepass")).digest()
