"""The verifiers on people's answers: one person's against the others', and other questions'.

Makes rows of rates for ``verifiability.py``; reads its parquet file; peers run in an environment of
their own, made under ``envs`` (``verifiability_peers.py``).
"""

from __future__ import annotations

import json
import random
import re
import string
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from webscale_dagster.audit.statistics import wilson
from webscale_dagster.recipe import VerifiedQa
from webscale_dagster.verifiers import verify
from webscale_dagster.verifiers.guess import guess

# In these, several answers to a question are several people's; in TAT-QA they are parts of one.
PEOPLE = (
    *("squad_v2_dev_part_dev", "squadshifts_new_wiki", "squadshifts_amazon"),
    *("policyqa", "fairytaleqa"),
)
SPANS = PEOPLE[:3]  # answers are short spans of a text; the other two are clauses and free words
MOST_WORDS = VerifiedQa().max_answer_words
PACKAGES = ("math-verify==0.9.0", "antlr4-python3-runtime==4.13.2", "packaging")
BARE_PACKAGES = ("trl==1.16.0", "verl==0.9.1")  # without what they need for training
_PEERS = Path(__file__).with_name("verifiability_peers.py")


@dataclass(frozen=True)
class Row:
    """An answer, the accepted ones it is held against, and whether it should be accepted."""

    dataset: str
    question: str
    answer: str
    truths: tuple[str, ...]
    right: bool

    @property
    def kind(self) -> str:
        """The answer type, from the question and the accepted answers alone."""
        return guess(self.question, self.truths)


def verifier_rates(path: Path, limit: int, envs: Path) -> dict[str, list[dict[str, object]]]:
    """Tables: by answer type, by data set, and beside the peers."""
    rows = [row for name in PEOPLE for row in _rows(path, name, limit)]
    ours = [_accepts(row) for row in rows]
    spans = [(row, ok) for row, ok in zip(rows, ours, strict=True) if row.dataset in SPANS]
    kinds = sorted({row.kind for row, _ in spans})
    by_type = [_rates("answer type", k, [x for x in spans if x[0].kind == k]) for k in kinds]
    every = list(zip(rows, ours, strict=True))
    by_set = [_rates("data set", n, [x for x in every if x[0].dataset == n]) for n in PEOPLE]
    return {
        "verifiers by answer type (SQuAD, SQuADShifts)": [
            *by_type,
            _rates("answer type", "all", spans),
        ],
        "verifiers by data set": by_set,
        "the same rows, other scorers (SQuAD, SQuADShifts)": _compared([x[0] for x in spans], envs),
    }


def _accepts(row: Row) -> bool:
    completion = f"Answer: {row.answer}"
    return verify(row.kind, completion, list(row.truths), question=row.question).score == 1.0


def _rows(path: Path, name: str, limit: int) -> Iterator[Row]:
    found = pl.read_parquet(path).filter(
        (pl.col("dataset") == name) & (pl.col("lang") == "en") & (pl.col("answers").list.len() > 0)
    )
    drawn = found.sample(min(limit, found.height), seed=3, shuffle=True)
    for question, answers in drawn.select("question", "answers").iter_rows():
        for at, answer in enumerate(answers if len(answers) > 1 else ()):
            others = (*answers[:at], *answers[at + 1 :])
            if _short((answer, *others)):
                yield Row(name, question, answer, others, right=True)
    yield from _of_other_questions(drawn, name)


def _of_other_questions(drawn: pl.DataFrame, name: str) -> Iterator[Row]:
    """Answers of other questions on the same document, unless they are an accepted one."""
    rng = random.Random(3)
    for (_,), rows in sorted(drawn.group_by("doc_id")):
        asked = list(rows.select("question", "answers").iter_rows())
        for question, answers in asked:
            other, theirs = rng.choice(asked)
            answer = rng.choice(theirs)
            same = {normalised(answer)} & set(map(normalised, answers))
            if other != question and not same and _short((answer, *answers)):
                yield Row(name, question, answer, tuple(answers), right=False)


def _short(answers: Sequence[str]) -> bool:
    return max(len(answer.split()) for answer in answers) <= MOST_WORDS


def normalised(text: str) -> str:
    """SQuAD's normal form: its evaluation script 1.1."""
    lower = "".join(char for char in text.lower() if char not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", lower).split())


def _rates(title: str, name: str, judged: Sequence[tuple[Row, bool]]) -> dict[str, object]:
    right = [ok for row, ok in judged if row.right]
    wrong = [not ok for row, ok in judged if not row.right]
    found: dict[str, object] = {title: name}
    for label, oks in (("accepted", right), ("rejected", wrong)):
        low, high = wilson(sum(oks) / len(oks), len(oks), 0.95) if oks else (0.0, 1.0)
        share = f"{sum(oks) / len(oks):.4f}" if oks else "-"
        found |= {f"n {label}": len(oks), label: share, f"95% {label}": f"{low:.4f}-{high:.4f}"}
    return found


def _compared(rows: Sequence[Row], envs: Path) -> list[dict[str, object]]:
    own: dict[str, Callable[[Row], bool]] = {
        "webscale_dagster.verifiers": _accepts,
        "exact match": lambda row: row.answer in row.truths,
        "SQuAD normalised match": lambda row: (
            normalised(row.answer) in set(map(normalised, row.truths))
        ),
    }
    table = [_rates("scorer", name, [(row, ok(row)) for row in rows]) for name, ok in own.items()]
    scores = _peer_scores(rows, envs)
    for name in scores[0]:
        judged = [(row, bool(score[name])) for row, score in zip(rows, scores, strict=True)]
        table.append(_rates("scorer", name, judged))
    return table


def _peer_scores(rows: Sequence[Row], envs: Path) -> list[dict[str, int]]:
    home = envs / "verifiability-peers"
    python = home / "bin" / "python"
    if not (home / ".made").exists():
        print(f"installing {', '.join(PACKAGES + BARE_PACKAGES)} into {home}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *PACKAGES], check=True)
        subprocess.run([*pip, "--no-deps", *BARE_PACKAGES], check=True)
        (home / ".made").touch()
    lines = "".join(json.dumps({"answer": row.answer, "truths": row.truths}) + "\n" for row in rows)
    done = subprocess.run(
        [str(python), str(_PEERS)], input=lines, capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
