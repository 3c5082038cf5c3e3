"""Opens the model a recipe names: its backend, behind the journal. Reads and writes nothing."""

from __future__ import annotations

from webscale_dagster.llm.client import Backend, JournaledModel
from webscale_dagster.llm.journal import Journal
from webscale_dagster.recipe import Recipe


def open_backend(recipe: Recipe) -> Backend:
    """The backend that answers for this recipe; its table names it in ``[model]``."""
    assert recipe.model.backend == "extractive"  # the recipe's type allows no other
    from webscale_dagster.llm.extractive import Extractive

    return Extractive()


def open_model(recipe: Recipe, journal: Journal, shard: str) -> JournaledModel:
    """The recipe's model, replaying what the journal (which must be open) knows."""
    return JournaledModel(open_backend(recipe), journal, shard, recipe.model.revision)
