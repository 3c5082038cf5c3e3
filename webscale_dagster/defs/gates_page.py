"""Gates as the UI shows them, of a release and of a checkpoint: a table, and one line.

Makes Markdown and text; reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from webscale_dagster.defs.materialise import cell
from webscale_dagster.exports.gates import Gate


def gates_table(gates: Sequence[Gate]) -> str:
    """Every gate with what was seen and what is wanted."""
    lines = [
        f"| {g.name} | {'yes' if g.passed else '**no**'} | {cell(g.seen)} | {cell(g.wanted)} |"
        for g in gates
    ]
    return "\n".join(["| gate | passed | seen | wanted |", "|---|---|---|---|", *lines])


def in_short(gates: Sequence[Gate]) -> str:
    """One line, for the list of checks: the table is behind a click there."""
    closed = [gate.name for gate in gates if not gate.passed]
    return f"closed: {', '.join(closed)}" if closed else f"all {len(gates)} gates are open"
