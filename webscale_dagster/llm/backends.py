"""Opens the model a recipe names for a stage: its backend, behind the journal.

Reads and writes nothing itself; what the backends do is said in their modules.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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


def open_model(
    recipe: Recipe,
    journal: Journal,
    *,
    pace: Pace | None = None,
    check: Callable[[], None] = lambda: None,
    watch: Callable[[Tally], None] = lambda tally: None,
    say: Callable[[str], None] = lambda message: None,
) -> JournaledModel:
    """The model that the recipe gives to the journal's stage; the journal must be open."""
    choice = recipe.model_of(journal.stage)
    home = journal.path.parent.parent  # of all stages' journals
    batches = home.parent / "batches" / journal.stage / (journal.shard or "-")
    backend = open_backend(choice, pace or Pace(), batches, say)
    guard = Guard(recipe, home)
    return JournaledModel(choice, backend, journal, guard=guard, check=check, watch=watch)
