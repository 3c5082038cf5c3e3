"""Data refinement before continual pretraining: the ways to refine documents, by name.

Makes nothing and reads nothing itself; each way takes documents (doc_id, text) and a ``Context``
and makes ``Refined`` values. They are baselines to compare question-answer training with; all of
them use the model of the recipe's ``refined_docs``, and rules where none may judge.
"""

from __future__ import annotations

from webscale_dagster.refine import gdr, prox, qurating
from webscale_dagster.refine.outcome import Refined, Refinement

REFINEMENTS: dict[str, Refinement] = {
    each.name: each for each in (qurating.REFINEMENT, prox.REFINEMENT, gdr.REFINEMENT)
}

__all__ = ["REFINEMENTS", "Refined", "Refinement"]
