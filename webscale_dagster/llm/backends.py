"""Opens the models a recipe names for a stage: their backends, behind the journal.

Reads and writes nothing itself; what the backends do is said in their modules.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from webscale_dagster.llm.client import Backend, JournaledModel
from webscale_dagster.llm.journal import Journal
from webscale_dagster.llm.pace import Pace
from webscale_dagster.llm.spending import Guard
from webscale_dagster.llm.tally import Tally
from webscale_dagster.models import ModelChoice
from webscale_dagster.recipe import Recipe


def open_backend(
    choice: ModelChoice, pace: Pace, folder: Path, say: Callable[[str], None]
) -> Backend:
    """The backend of a model; ``folder`` is where batches keep their files."""
    if choice.backend == "server":
        from webscale_dagster.llm.server import Server

        return Server(choice, pace)
    if choice.backend == "vllm":
        from webscale_dagster.llm.vllm_server import KeptServer

        return KeptServer(choice, pace, say)
    if choice.backend == "batch":
        from webscale_dagster.llm.batch import Batches

        return Batches(choice, pace, folder, say)
    from webscale_dagster.llm.extractive import Extractive

    return Extractive()


def open_models(
    recipe: Recipe,
    journal: Journal,
    *,
    pace: Pace | None = None,
    check: Callable[[], None] = lambda: None,
    watch: Callable[[Tally], None] = lambda tally: None,
    say: Callable[[str], None] = lambda message: None,
) -> tuple[JournaledModel, ...]:
    """The models that the recipe gives to the journal's stage; the journal must be open."""
    home = journal.path.parent.parent  # of all stages' journals
    batches = home.parent / "batches" / journal.stage / (journal.shard or "-")
    return tuple(
        JournaledModel(
            choice,
            open_backend(choice, pace or Pace(), batches / str(place) if place else batches, say),
            journal,
            guard=Guard(recipe, home),
            check=check,
            watch=watch,
        )
        for place, choice in enumerate(recipe.models_of(journal.stage))
    )


def open_model(recipe: Recipe, journal: Journal, **more: Any) -> JournaledModel:
    """The one model, or the first, that the recipe gives to the journal's stage."""
    return open_models(recipe, journal, **more)[0]
