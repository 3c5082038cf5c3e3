"""Who judges answers of the types ``judge`` and ``rubric``, in training and in evaluation.

Makes judges from the recipe's ``grpo_checkpoint.judge``; a model's replies are journaled in the
folder given, so that what was judged once is not paid again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webscale_dagster.llm.judge import EndpointJudge, open_judge
from webscale_dagster.recipe import Recipe
from webscale_dagster.training.program import TrainingError
from webscale_dagster.verifiers.outcome import Judge


@contextmanager
def open_named_judge(recipe: Recipe, folder: Path) -> Iterator[Judge]:
    """The judge that the recipe names; raises ``TrainingError`` where it names none."""
    wanted = recipe.grpo_checkpoint.judge
    if wanted.startswith("http"):
        yield EndpointJudge(wanted)
        return
    if wanted not in recipe.models:
        known = ", ".join(recipe.models) or "none"
        raise TrainingError(
            f"some examples need a judge, and grpo_checkpoint.judge is {wanted!r}: name one of "
            f"[models] ({known}), or the address of an endpoint that scores"
        )
    chosen = recipe.model_copy(update={"model": recipe.models[wanted]})
    with open_judge(chosen, folder / "judge") as judge:
        yield judge
