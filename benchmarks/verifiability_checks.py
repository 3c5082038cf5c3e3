"""The free checks on people's pairs: sound ones kept, corrupted ones rejected.

Makes rows of rates for ``verifiability.py``; reads its parquet file, writes nothing.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from webscale_dagster.audit.statistics import wilson
from webscale_dagster.recipe import VerifiedQa
from webscale_dagster.stages.free_checks import check_pair
from webscale_dagster.stages.self_contained import is_polar
from webscale_dagster.text.normalise import words
from webscale_dagster.verifiers.guess import guess
from webscale_dagster.verifiers.wordings import counting_words

Pair = dict[str, Any]
SETTINGS = VerifiedQa()
# Reviews and privacy policies are asked about as "it", "the product", "you": not self-contained.
ARTICLES = ("squad_v2_dev_part_dev", "squadshifts_new_wiki", "xquad", "covid_qa")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”’)\]]*\s+(?=[A-Z0-9\"“‘(\[])")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_WORDS = "two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty"
_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(_WORDS.split())})\b", re.IGNORECASE)


def check_rates(path: Path, limit: int) -> dict[str, list[dict[str, object]]]:
    """Tables: sound pairs kept, corrupted pairs rejected, and which check rejected them."""
    found = pl.read_parquet(path).filter(
        pl.col("human_written")
        & pl.col("span_exact")
        & (pl.col("answers").list.len() > 0)
        & (pl.col("lang") == "en")
    )
    kept, rejected, reasons = [], [], Counter[tuple[str, str]]()
    sums = {name: [0, 0] for name in CORRUPTIONS}
    for (name,), rows in sorted(found.group_by("dataset")):
        drawn = rows.sample(min(limit, rows.height), seed=1, shuffle=True)
        pairs = [pair for row in drawn.iter_rows(named=True) if (pair := _pair(row))]
        sound = [pair for pair in pairs if _is_sound(pair)]
        passed = [pair for pair in sound if not _problem(pair)]
        reasons.update(("sound", str(_problem(pair))) for pair in sound if _problem(pair))
        kept.append(
            {"data set": name, "pairs": len(pairs), **_rate("kept", len(passed), len(sound))}
        )
        if name not in ARTICLES:
            continue
        row: dict[str, object] = {"data set": name}
        for kind, corrupt in CORRUPTIONS.items():
            broken = list(corrupt(sound, random.Random(7)))
            bad = [_problem(pair) for pair in broken]
            reasons.update((kind, str(reason)) for reason in bad)
            sums[kind][0] += sum(reason is not None for reason in bad)
            sums[kind][1] += len(bad)
            row[kind] = _share(sum(reason is not None for reason in bad), len(bad))
        rejected.append(row)
    rejected.append({"data set": "all", **{kind: _share(*sums[kind]) for kind in sums}})
    shown = [
        {"pairs": kind, "first reason": reason, "n": n}
        for (kind, reason), n in sorted(reasons.items(), key=lambda each: (each[0][0], -each[1]))
    ]
    return {
        "sound pairs kept by the free checks": kept,
        "corrupted pairs rejected by the free checks": rejected,
        "which check rejects": shown,
    }


def _problem(pair: Pair) -> str | None:
    problems = check_pair(pair, SETTINGS).problems
    return problems[0][0] if problems else None


def _pair(row: Pair) -> Pair | None:
    """A row as a pair of qa_pairs, its quote the sentences that hold the answer."""
    answer, start, text = row["answers"][0], row["answer_start"][0], row["context"]
    if text[start : start + len(answer)] != answer:
        return None
    low, high = _sentences(text, start, start + len(answer))
    return {
        "question": row["question"],
        "answer": answer.strip(),
        "answer_type": guess(row["question"], [answer]),
        "verifier_options": "{}",
        "evidence": text[low:high],
        "evidence_start": low,
        "title": row["title"],
        "text": text,
        "lang": row["lang"],
        "doc_id": row["doc_id"],
    }


def _sentences(text: str, start: int, end: int) -> tuple[int, int]:
    low, high = 0, len(text)
    for match in _SENTENCE_END.finditer(text):
        if match.end() <= start:
            low = match.end()
        elif match.start() >= end:
            return low, match.start()
    return low, high


def _is_sound(pair: Pair) -> bool:
    return 1 <= len(words(pair["answer"])) <= SETTINGS.max_answer_words and not is_polar(
        pair["question"]
    )


def _others(pairs: list[Pair], rng: random.Random) -> Iterator[tuple[Pair, Pair]]:
    """Every pair with another of its document."""
    by_document: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_document.setdefault(pair["doc_id"], []).append(pair)
    for pair in pairs:
        others = [each for each in by_document[pair["doc_id"]] if each is not pair]
        if others:
            yield pair, rng.choice(others)


def _answer_swapped(pairs: list[Pair], rng: random.Random) -> Iterator[Pair]:
    for pair, other in _others(pairs, rng):
        mine, theirs = counting_words(pair["answer"]), counting_words(other["answer"])
        if not set(theirs) <= set(mine) and not set(mine) <= set(theirs):
            answer = other["answer"]
            yield pair | {"answer": answer, "answer_type": guess(pair["question"], [answer])}


def _number_changed(pairs: list[Pair], rng: random.Random) -> Iterator[Pair]:
    for pair in pairs:
        match = _NUMBER.search(pair["answer"]) or _NUMBER_WORD.search(pair["answer"])
        if match is None:
            continue
        if match[0][0].isdigit():
            at = rng.randrange(len(match[0]))
            at = at if match[0][at].isdigit() else 0
            digit = str((int(match[0][at]) + rng.randrange(1, 9)) % 10)
            new = match[0][:at] + digit + match[0][at + 1 :]
        else:
            new = rng.choice([word for word in _WORDS.split() if word != match[0].lower()])
        answer = pair["answer"][: match.start()] + new + pair["answer"][match.end() :]
        yield pair | {"answer": answer, "answer_type": guess(pair["question"], [answer])}


def _quote_elsewhere(pairs: list[Pair], rng: random.Random) -> Iterator[Pair]:
    for pair, other in _others(pairs, rng):
        if other["text"] != pair["text"]:
            yield pair | {
                "evidence": other["evidence"],
                "evidence_start": None,
                "text": f"{pair['text']}\n\n{other['text']}",
            }


def _answer_in_question(pairs: list[Pair], rng: random.Random) -> Iterator[Pair]:
    for pair in pairs:
        question = pair["question"].rstrip(" ?")
        form = rng.choice(
            ("{q}, namely {a}?", "{q}: is it {a}?", "Given that it is {a}, {l}?", "{q} ({a})?")
        )
        lower = question[:1].lower() + question[1:]
        yield pair | {"question": form.format(q=question, l=lower, a=pair["answer"].rstrip("."))}


def _page_dependent(pairs: list[Pair], rng: random.Random) -> Iterator[Pair]:
    forms = (
        "According to the passage, {l}?",
        "In this text, {l}?",
        "{q} in the article?",
        "{q}, as described above?",
        "Based on the document, {l}?",
        "In the section, {l}?",
        "{q}, according to the author?",
        "{q} mentioned in the paragraph?",
        "As stated in the excerpt, {l}?",
    )
    for pair in pairs:
        question = pair["question"].rstrip(" ?")
        lower = question[:1].lower() + question[1:]
        yield pair | {"question": rng.choice(forms).format(q=question, l=lower)}


CORRUPTIONS: dict[str, Callable[[list[Pair], random.Random], Iterator[Pair]]] = {
    "answer swapped": _answer_swapped,
    "number changed": _number_changed,
    "quote from another paragraph": _quote_elsewhere,
    "answer put into the question": _answer_in_question,
    "question made to depend on the page": _page_dependent,
}


def _rate(name: str, n: int, total: int) -> dict[str, object]:
    low, high = wilson(n / total, total, 0.95) if total else (0.0, 1.0)
    share = f"{n / total:.4f}" if total else "-"
    return {"n": total, name: share, "95%": f"{low:.4f} to {high:.4f}"}


def _share(n: int, total: int) -> str:
    return f"{n / total:.4f} of {total}" if total else "-"
