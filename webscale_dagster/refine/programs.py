"""Runs the programs of ProX (arXiv 2409.17115, section 2), which a model wrote, with checks.

Makes ``Edited`` values from lines and operations; reads and writes nothing. A program is data, a
list of operations of three kinds; no text of a model is ever evaluated. Whatever it says, an output
line is an input line, or one from which letters were left out: a program can delete, not invent.

    remove_lines(start, end)              both included, numbers as they were shown
    normalize(source_str, target_str)     in every line that stays
    keep_all()                            alone

The paper's release skips what it cannot read in a program; here one bad operation refuses the whole
program, since a model that miscounts once has miscounted elsewhere too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from webscale_dagster.refine.damage import repaired
from webscale_dagster.stages.reply import Reason, ReplyModel, at_most, items

# Of a document's letters and digits. The release (utils/chunk_utils.py) takes a text of which less
# than a twentieth is left for worthless; here it is kept, for the other program judges worth.
MAX_REMOVED = 0.95
_MOST = 100  # operations of a program that guided decoding allows
_LONGEST = 400  # characters of a string
_COMMON = frozenset(".,;:!?'\"()-")  # every sentence has them: no program may take them all
_BLANK_LINES = re.compile(r"\n{4,}")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


class DocumentProgram(ReplyModel):
    """The model's reply: is there anything in the document to learn from?"""

    reason: Reason
    program: Literal["keep_doc", "drop_doc"]


class Operation(ReplyModel):
    """One call of a line program; arguments it does not have are null."""

    op: Literal["remove_lines", "normalize", "keep_all"]
    start: int | None = None
    end: int | None = None
    source_str: Annotated[str, at_most(_LONGEST)] | None = None
    target_str: Annotated[str, at_most(_LONGEST)] | None = None


class LineProgram(ReplyModel):
    """The model's reply: the program of a document, or of the part that was shown."""

    operations: Annotated[list[Operation], items(1, _MOST)]


class Refused(ValueError):
    """A program that is not run; the message says which operation fails which check."""


@dataclass(frozen=True)
class Edited:
    """Lines after a program: those that stay, by number, and what was done."""

    lines: Mapping[int, str]
    removed: int = 0
    normalized: int = 0


@dataclass
class _Plan:
    removed: set[int] = field(default_factory=set)
    replaced: list[tuple[re.Pattern[str], str]] = field(default_factory=list)


def execute(lines: Mapping[int, str], program: Sequence[Operation]) -> Edited:
    """Run a program on numbered lines, or refuse it: nothing is done by halves."""
    plan = _Plan()
    for place, operation in enumerate(program, 1):
        try:
            _check(operation, lines, plan, alone=len(program) == 1)
        except Refused as problem:
            raise Refused(f"operation {place}, {operation.op}: {problem}") from None
    left = {number: line for number, line in lines.items() if number not in plan.removed}
    changed = 0
    for number, line in left.items():
        for pattern, target in plan.replaced:
            line = pattern.sub(target, line)
        if line != left[number]:
            if not _numbers_stay(left[number], line):
                raise Refused(f"normalize: numbers of line {number} would change")
            left[number] = line
            changed += 1
    return Edited(left, len(plan.removed), changed)


def check_removed(before: str, after: str) -> None:
    """Refuse what leaves too little of a document."""
    whole = len(_letters(before))
    removed = 1 - len(_letters(after)) / whole if whole else 0.0
    if removed > MAX_REMOVED:
        raise Refused(f"{removed:.1%} of the document would go, at most {MAX_REMOVED:.0%} may")


def joined(lines: Sequence[str]) -> str:
    """The text of lines; gaps that removed lines leave are closed."""
    return _BLANK_LINES.sub("\n\n\n", "\n".join(lines)).strip("\n")


def _check(operation: Operation, lines: Mapping[int, str], plan: _Plan, *, alone: bool) -> None:
    if operation.op == "keep_all":
        if not alone:
            raise Refused("it stands with other operations")
    elif operation.op == "remove_lines":
        plan.removed |= _interval(operation, lines)
    else:
        plan.replaced.append(_replacement(operation, lines))


def _interval(operation: Operation, lines: Mapping[int, str]) -> set[int]:
    start, end = operation.start, operation.end
    if start is None or end is None:
        raise Refused("start or end is missing")
    if start > end:
        raise Refused(f"it ends at {end}, before its start {start}")
    for number in (start, end):
        if number not in lines:
            raise Refused(f"line {number} was not shown, only {min(lines)} to {max(lines)}")
    return set(range(start, end + 1))


def _replacement(operation: Operation, lines: Mapping[int, str]) -> tuple[re.Pattern[str], str]:
    source, target = operation.source_str, operation.target_str
    if source is None or target is None:
        raise Refused("source_str or target_str is missing")
    if len(source) < 2 and (not source.strip() or source in _COMMON):
        raise Refused("source_str is empty, a space or a common sign")
    if len((source + target).splitlines()) > 1:
        raise Refused("a string goes over several lines")
    if problem := _invents(source, target):
        raise Refused(problem)
    pattern = _bounded(source, whole=repaired(source) == source)
    if not any(pattern.search(line) for line in lines.values()):
        raise Refused(f"{source!r} is in no line, or only inside words")
    return pattern, target.replace("\\", r"\\")


def _bounded(source: str, *, whole: bool) -> re.Pattern[str]:
    """The source where it does not begin or end inside a word; broken characters do."""
    before = r"(?<!\w)" if whole and source[0].isalnum() else ""
    after = r"(?!\w)" if whole and source[-1].isalnum() else ""
    return re.compile(before + re.escape(source) + after)


def _invents(source: str, target: str) -> str | None:
    """What the target says that the source does not; broken characters may be repaired."""
    if target == repaired(source):
        return None
    letters = iter(_letters(source))
    if not all(letter in letters for letter in _letters(target)):  # not in this order
        return f"{target!r} has letters that {source!r} has not"
    return None


def _numbers_stay(before: str, after: str) -> bool:
    """Whether every number was there, in this order: none is cut, joined or changed."""
    numbers = iter(_NUMBER.findall(before))
    return all(number in numbers for number in _NUMBER.findall(after))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))
