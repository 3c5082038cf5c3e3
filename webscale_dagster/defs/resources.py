"""What the assets are given: the walk of this home, opened when it is needed."""

from __future__ import annotations

import dagster as dg

from webscale_dagster.walk import Progress, Walk


class Platform(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Opens the lake and the recipe of ``WEBSCALE_HOME``; secrets stay in the environment."""

    def walk(self, progress: Progress) -> Walk:
        """A fresh walk: a recipe edited since the last run is read again."""
        return Walk.at_home(progress)


RESOURCES = {"platform": Platform()}
