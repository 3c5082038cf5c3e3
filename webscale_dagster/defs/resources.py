"""What the assets are given: the walk of this home, opened when it is needed."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
from pydantic import Field

from webscale_dagster.defs.launch import Trainer
from webscale_dagster.llm.pace import Pace
from webscale_dagster.progress import Progress
from webscale_dagster.walk import Walk

_PACE = Pace()


class Platform(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Opens the lake and the recipe of ``WEBSCALE_HOME``; secrets stay in the environment.

    Its fields are run configuration: they change how fast rows are made, never which.
    """

    concurrency: int = Field(
        default=_PACE.concurrency, description="Requests in flight at an endpoint, at most."
    )
    request_seconds: float = Field(
        default=_PACE.request_seconds, description="Patience for one reply."
    )
    give_up_seconds: float = Field(
        default=_PACE.give_up_seconds, description="A run ends after so long without any reply."
    )

    def walk(self, progress: Progress, say: Callable[[str], None] = lambda message: None) -> Walk:
        """A fresh walk: a recipe edited since the last run is read again."""
        pace = Pace(
            concurrency=self.concurrency,
            request_seconds=self.request_seconds,
            give_up_seconds=self.give_up_seconds,
        )
        return Walk.at_home(progress, pace, say)


RESOURCES = {"platform": Platform(), "trainer": Trainer()}
