"""This project's client as a client program of ``llm_client.py``, as a stage uses it.

Everything is switched on: the journal (every reply fsynced before it counts), retries, validation
by pydantic and the rows of ``llm_calls``. Writes a journal into a temporary folder, which is
removed; prints one JSON line. The concurrency is fixed, since it is what is compared.

    python benchmarks/llm_client_ours.py --url URL --requests 20000 --concurrency 256
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from llm_client_server import MODEL, Answer, run_client

from webscale_dagster.llm.backends import open_model
from webscale_dagster.llm.journal import Journal
from webscale_dagster.llm.pace import Pace
from webscale_dagster.models import ModelChoice
from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.protocol import Request
from webscale_dagster.stages.reply import ReplyModel


class Verdict(ReplyModel):
    """The reply."""

    reason: str
    correct: bool
    self_contained: bool
    leaks: bool
    unique: bool


def requests(prompts: Sequence[str]) -> Iterator[Request]:
    """A request for each prompt."""
    for place, prompt in enumerate(prompts):
        message = {"role": "user", "content": prompt}
        yield Request("verified_qa", str(place), {}, (message,), Verdict, "bench")


def open_client(url: str, concurrency: int, arguments: list[str]) -> Answer:
    """Asks as a stage does; a call opens the journal and its connections and closes them."""
    del arguments
    recipe = Recipe(model=ModelChoice(backend="server", name=MODEL, endpoints=(url,)))
    pace = Pace(concurrency=concurrency, adapt=False)

    def answer(prompts: Sequence[str]) -> tuple[int, int]:
        with (
            tempfile.TemporaryDirectory(dir=".") as folder,
            Journal(Path(folder), "verified_qa", "bench") as journal,
        ):
            model = open_model(recipe, journal, pace=pace)
            valid = answered = 0
            for reply in model.ask(requests(prompts)):
                answered += 1
                valid += reply.problem is None
            assert model.calls().height == answered
        return answered, valid

    return answer


if __name__ == "__main__":
    run_client(open_client)
