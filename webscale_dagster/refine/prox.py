"""ProX (arXiv 2409.17115): a model writes programs that clean each document; we run them.

Reads documents (doc_id, text). Makes kept documents, as they are or without the lines that went,
and rejects (``program_drops``). First a program says whether the document stays, then one for each
part of it what goes (``programs`` runs them). A program that cannot be used or is refused leaves
its document, or its part, as it is. Without a model, rules write the programs: lines that came with
the page go (``boilerplate``), and what is left must pass quality rules at their published limits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import polars as pl

from webscale_dagster.refine.boilerplate import boilerplate
from webscale_dagster.refine.outcome import (
    Facts,
    Fate,
    Refined,
    Refinement,
    files_of,
    judge_of,
    refined,
    replies_of,
    request,
)
from webscale_dagster.refine.parts import line_parts
from webscale_dagster.refine.programs import (
    DocumentProgram,
    LineProgram,
    Operation,
    Refused,
    check_removed,
    execute,
    joined,
)
from webscale_dagster.stages.asking import ask_each
from webscale_dagster.stages.protocol import Context, Reply, Request
from webscale_dagster.text.normalise import words
from webscale_dagster.text.quality import quality

DOCUMENT, LINES = "prox", "prox_lines"
_PART = 6_000  # characters, about the 1,500 tokens of the paper's release
# Limits as published, where the filter before this stage has eased them (text/adapted_rules.py).
STRICT = {"c4_sentences": 3, "gopher_alphabetic": 0.8}
MIN_WORDS = 50  # Gopher, table A1; of documents that lost lines, the filter saw all others
Part = tuple[str, int, dict[int, str]]  # document, place of the part, its lines by number


def refine(docs: pl.DataFrame, context: Context) -> Refined:
    """Programs for documents, then for the lines of those that stay."""
    texts = dict(docs.select("doc_id", "text").iter_rows())
    if judge_of(context) is None:
        fates = {doc_id: _by_rules(text) for doc_id, text in texts.items()}
        return refined(docs, fates, context, _facts(fates))
    fates, left, unusable = _documents(texts, context)
    edits: dict[str, _Edits] = {doc_id: _Edits() for doc_id in left}
    parts = [
        (doc_id, place, lines)
        for doc_id in left
        for place, lines in enumerate(line_parts(texts[doc_id].split("\n"), _PART), 1)
    ]
    for part, reply in ask_each(parts, len(parts), lambda p: _line_request(p, context), context):
        unusable += reply.problem is not None
        edits[part[0]].take(part, reply)
    fates |= {doc_id: found.fate(texts[doc_id], left[doc_id]) for doc_id, found in edits.items()}
    facts = replies_of(len(texts) + len(parts), unusable)
    facts["refused_programs"] = sum(found.refused for found in edits.values())
    return refined(docs, fates, context, facts | _facts(fates))


def _documents(
    texts: dict[str, str], context: Context
) -> tuple[dict[str, Fate], dict[str, str], int]:
    """Dropped documents, those that stay with what is to be said of that, unusable replies."""

    def asked(doc_id: str) -> Request:
        shown = texts[doc_id][:_PART]
        return request(context, DOCUMENT, doc_id, {"": shown}, DocumentProgram)

    fates: dict[str, Fate] = {}
    left: dict[str, str] = {}
    unusable = 0
    for doc_id, reply in ask_each(texts, len(texts), asked, context):
        if reply.problem is not None:
            unusable += 1
            left[doc_id] = f"keep_doc for want of a program: {reply.problem}"
        elif reply.value.program == "drop_doc":
            fates[doc_id] = Fate("drop", "", reply.value.reason, "program_drops")
        else:
            left[doc_id] = "keep_doc"
    return fates, left, unusable


def _line_request(part: Part, context: Context) -> Request:
    doc_id, place, lines = part
    shown = "\n".join(f"[{number}] {line[:_PART]}" for number, line in lines.items())
    return request(context, LINES, f"{doc_id}/{place}", {"": shown}, LineProgram)


class _Edits:
    """What the programs of a document's parts made of its lines, part by part."""

    def __init__(self) -> None:
        self.refused = 0
        self._lines: list[str] = []
        self._problems: list[str] = []
        self._removed = self._normalized = 0

    def take(self, part: Part, reply: Reply) -> None:
        """Run the program that came for the next part; without one, its lines stay."""
        _, place, lines = part
        problem = reply.problem
        if problem is None:
            try:
                edited = execute(lines, reply.value.operations)
            except Refused as refused:
                self.refused += 1
                problem = str(refused)
            else:
                lines = dict(edited.lines)
                self._removed += edited.removed
                self._normalized += edited.normalized
        if problem is not None:
            self._problems.append(f"part {place} unchanged: {problem}")
        self._lines += lines.values()

    def fate(self, text: str, said: str) -> Fate:
        """The document after its programs."""
        done = "keep_all"
        if self._removed or self._normalized:
            done = f"{self._removed} lines removed, {self._normalized} normalized"
        reason = "; ".join([said, done, *self._problems])
        after = joined(self._lines) if done != "keep_all" else text
        if after == text:
            return Fate("keep", text, reason)
        try:
            check_removed(text, after)
        except Refused as refused:
            self.refused += 1
            return Fate("keep", text, f"{said}; program refused: {refused}")
        return Fate("clean", after, reason)


def _by_rules(text: str) -> Fate:
    """The rules' programs: lines first, so that a document is judged by what is left of it."""
    lines = text.split("\n")
    kinds = boilerplate(lines)
    numbered = dict(enumerate(lines, 1))
    operations = _removals([at + 1 for at in kinds]) or [Operation(op="keep_all")]
    after = joined(list(execute(numbered, operations).lines.values()))
    n_words = len(words(after))
    if kinds and n_words < MIN_WORDS:
        reason = f"too_short: {n_words} words are left of {len(words(text))}"
        return Fate("drop", "", reason, "program_drops")
    measured = quality(after, thresholds=STRICT)
    if measured.failed:
        first = measured.failed[0]
        reason = f"{first} {measured.measures[first]:.4g}; failed: {', '.join(measured.failed)}"
        return Fate("drop", "", reason, "program_drops")
    if not kinds:
        return Fate("keep", text, "keep_doc; keep_all")
    counts = ", ".join(f"{kind} {count}" for kind, count in Counter(kinds.values()).most_common())
    return Fate("clean", after, f"keep_doc; {len(kinds)} lines removed: {counts}")


def _removals(numbers: Sequence[int]) -> list[Operation]:
    """As few operations as name these lines."""
    found: list[Operation] = []
    for number in numbers:
        last = found[-1] if found else None
        if last is not None and last.end == number - 1:
            last.end = number
        else:
            found.append(Operation(op="remove_lines", start=number, end=number))
    return found


def _facts(fates: dict[str, Fate]) -> Facts:
    cleaned = sum(fate.action == "clean" for fate in fates.values())
    return {"cleaned_share": round(cleaned / len(fates), 4) if fates else 0.0}


REFINEMENT = Refinement(
    name="prox",
    meaning="documents that programs, written for each, drop or clean line by line",
    refine=refine,
    version=1,
    files=files_of(DOCUMENT, LINES),
)
