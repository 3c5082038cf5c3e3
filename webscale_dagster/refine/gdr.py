"""Generative Data Refinement (arXiv 2509.08653): a model rewrites what should not be learned.

Reads documents (doc_id, text). Makes kept documents, as they are or rewritten, and rejects
(``rewrite_drops``). The model is asked part by part whether it stays, goes, or is cleaned, and then
gives the cleaned text. That is taken only if it is faithful (``fidelity``); else, and where a reply
cannot be used, the part stays as it is, with the reason. A document goes when all its parts go.
Without a model, rules take out contact data, lines that came with the page, and damage.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Literal

import polars as pl

from webscale_dagster.refine.boilerplate import boilerplate
from webscale_dagster.refine.contacts import without_contacts
from webscale_dagster.refine.damage import repaired, tidied
from webscale_dagster.refine.fidelity import infidelity
from webscale_dagster.refine.outcome import (
    Fate,
    Refined,
    Refinement,
    files_of,
    judge_of,
    refined,
    replies_of,
    request,
)
from webscale_dagster.refine.parts import text_parts
from webscale_dagster.refine.programs import joined
from webscale_dagster.stages.asking import ask_each
from webscale_dagster.stages.protocol import Context, Reply
from webscale_dagster.stages.reply import Reason, ReplyModel, at_most
from webscale_dagster.text.normalise import broken_share, words
from webscale_dagster.text.quality import THRESHOLDS

CALL = "gdr"
DROPS = "rewrite_drops"  # the reason of a reject
# Characters of a part per token of the reply: a token is about four, JSON and other scripts need
# their share, and a reply that is cut off is lost.
_PER_TOKEN = 2
_CODE = 0.5
_FEWEST = 5  # words; what rules leave of a mere page is less
Part = tuple[str, int, str]  # document, place of the part, its text


class Rewrite(ReplyModel):
    """The model's reply about a part."""

    reason: Reason
    action: Literal["keep", "clean", "drop"]
    text: Annotated[str, at_most(20_000)] = ""


def refine(docs: pl.DataFrame, context: Context) -> Refined:
    """Ask about every part of every document, or have the rules clean it."""
    texts = dict(docs.select("doc_id", "text").iter_rows())
    if judge_of(context) is None:
        rules = {doc_id: _by_rules(text) for doc_id, text in texts.items()}
        return refined(docs, rules, context, {})
    most = context.recipe.refined_docs.max_tokens * _PER_TOKEN
    parts = [
        (doc_id, place, part)
        for doc_id, text in texts.items()
        for place, part in enumerate(text_parts(text, most), 1)
    ]
    found = {doc_id: _Rewritten() for doc_id in texts}
    for part, reply in ask_each(
        parts,
        len(parts),
        lambda p: request(context, CALL, f"{p[0]}/{p[1]}", {"": p[2].strip("\n")}, Rewrite),
        context,
    ):
        found[part[0]].take(part, reply)
    fates = {doc_id: found[doc_id].fate(text) for doc_id, text in texts.items()}
    facts = replies_of(len(parts), sum(each.unusable for each in found.values()))
    facts["refused_rewrites"] = sum(each.refused for each in found.values())
    return refined(docs, fates, context, facts)


@dataclass
class _Rewritten:
    """What became of a document's parts, part by part."""

    actions: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    unusable: int = 0
    _pieces: list[str] = field(default_factory=list)
    _said: list[str] = field(default_factory=list)

    def take(self, part: Part, reply: Reply) -> None:
        """The next part, as the reply wants it, if that can be trusted."""
        _, place, text = part
        action, new = "keep", text
        if reply.problem is not None:
            self.unusable += 1
            self._said.append(f"part {place} unchanged: {reply.problem}")
        elif reply.value.action == "drop":
            action, new = "drop", ""
            self._said.append(f"part {place}: {reply.value.reason}")
        elif reply.value.action == "clean":
            action, new = self._cleaned(place, text, reply.value)
        self.actions[action] += 1
        self._pieces.append(new)

    def _cleaned(self, place: int, text: str, rewrite: Rewrite) -> tuple[str, str]:
        """The cleaned part with the white space that stood around it, or the part itself."""
        problem = infidelity(text, rewrite.text)
        if problem is not None:
            self.refused += 1
            self._said.append(f"part {place} unchanged, rewrite refused: {problem}")
            return "keep", text
        self._said.append(f"part {place}: {rewrite.reason}")
        before = text[: len(text) - len(text.lstrip())]
        after = text[len(text.rstrip()) :]
        return "clean", f"{before}{rewrite.text.strip()}{after}"

    def fate(self, text: str) -> Fate:
        """The document, put together again."""
        said = "; ".join(self._said)
        if set(self.actions) == {"drop"}:
            return Fate("drop", "", said, DROPS)
        after = joined("".join(self._pieces).split("\n"))
        if set(self.actions) == {"keep"} or after == text:
            return Fate("keep", text, said or "nothing to refine")
        return Fate("clean", after, said)


def _by_rules(text: str) -> Fate:
    """Lines of the page, contact data and damage go; source code only loses contact data."""
    from webscale_dagster.text.page_shape import code_share

    lines = text.split("\n")
    code = code_share(text) >= _CODE
    gone = {} if code else boilerplate(lines)
    left = joined([line for at, line in enumerate(lines) if at not in gone])
    mended = left if code else repaired(left)
    after, emails, phones = without_contacts(mended if code else tidied(mended))
    broken = broken_share(after)
    if len(words(after)) < _FEWEST:
        return Fate("drop", "", f"{len(gone)} of {len(lines)} lines are the page's", DROPS)
    if broken > THRESHOLDS["broken_encoding"]:
        return Fate("drop", "", f"broken_encoding {broken:.2f} beyond repair", DROPS)
    if after == text:
        return Fate("keep", text, "nothing to refine")
    counts = Counter(gone.values())
    counts |= Counter({"email": emails, "phone": phones, "damage": int(mended != left)})
    said = ", ".join(f"{kind} {count}" for kind, count in counts.most_common() if count)
    return Fate("clean", after, said or "white space")


REFINEMENT = Refinement(
    name="gdr",
    meaning="documents that a model rewrites without personal data, page parts and damage",
    refine=refine,
    version=1,
    files=files_of(CALL),
)
