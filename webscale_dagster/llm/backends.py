"""Opens the backend a recipe names. Reads and writes nothing."""

from __future__ import annotations

from webscale_dagster.llm.client import Backend
from webscale_dagster.recipe import Recipe


def open_backend(recipe: Recipe) -> Backend:
    """The backend that answers for this recipe; its table names it in ``[model]``."""
    assert recipe.model.backend == "extractive"  # the recipe's type allows no other
    from webscale_dagster.llm.extractive import Extractive

    return Extractive()
