"""One attempt at a stage and shard: journal, lease and copy are opened around its model.

Reads and writes the journal of the home; where replies cost something, the lease in the lake, and
where the lake is on S3, the journal's copy there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from webscale_dagster.llm.backends import open_models
from webscale_dagster.llm.client import JournaledModel
from webscale_dagster.llm.journal import Journal
from webscale_dagster.llm.journal_copy import JournalCopy
from webscale_dagster.llm.lease import Lease
from webscale_dagster.llm.pace import Pace
from webscale_dagster.llm.tally import Tally
from webscale_dagster.objects import Objects, S3Objects
from webscale_dagster.recipe import Recipe


@contextmanager
def attempt(
    recipe: Recipe,
    objects: Objects,
    folder: Path,
    stage: str,
    shard: str,
    *,
    pace: Pace,
    watch: Callable[[Tally], None],
    say: Callable[[str], None],
) -> Iterator[tuple[tuple[JournaledModel, ...], Callable[[], None]]]:
    """The stage's models, and a check that raises ``LeaseLost`` if another attempt has taken over.

    On this host the journal's lock keeps a second attempt out; between hosts, the lease does.
    """
    with ExitStack() as open_things:
        journal = open_things.enter_context(Journal(folder, stage, shard))
        check: Callable[[], None] = lambda: None  # noqa: E731
        backends = {choice.backend for choice in recipe.models_of(stage)}
        if backends != {"extractive"}:  # rules cost nothing
            lease = open_things.enter_context(
                Lease(objects, stage, shard, journal.path, waiting=say)
            )
            check = lease.check
            if isinstance(objects, S3Objects):
                open_things.enter_context(JournalCopy(objects, journal, lease.number))
        yield open_models(recipe, journal, pace=pace, check=check, watch=watch, say=say), check
