"""A quality rule: a limit on something that is measured of a document.

Makes nothing; reads and writes nothing. The rules are in ``quality`` (adapted to textbooks,
statutes, formulas and code) and ``published_rules`` (as published).
"""

from __future__ import annotations

from dataclasses import dataclass

GOPHER = "Gopher, arXiv 2112.11446, table A1"
C4 = "C4, arXiv 1910.10683, section 2.2"
FINEWEB = "FineWeb, arXiv 2406.17557, section 3.6"


@dataclass(frozen=True)
class Rule:
    """A limit on a measure of the same name: at least ``least``, at most ``most``."""

    name: str
    source: str
    least: float | None = None
    most: float | None = None
    shape: bool = False  # about lines: not applied to documents that are mostly prose
    prose: bool = True  # about prose: not applied to source code
    note: str = ""  # how it differs from its source
