"""The text engine: pure functions from texts to measures, signatures and hits.

Reads and writes nothing. ``find_near_duplicates`` and ``Decontaminator`` bring numpy and polars
with them and are imported when first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# Bound now: a submodule of the same name would take the place of the function when it is imported.
from webscale_dagster.text.language import detect_language
from webscale_dagster.text.quality import quality

if TYPE_CHECKING:
    from webscale_dagster.text.decontamination import Decontaminator
    from webscale_dagster.text.near_duplicates import find_near_duplicates

__all__ = ["Decontaminator", "detect_language", "find_near_duplicates", "quality"]


def __getattr__(name: str) -> Any:
    if name == "Decontaminator":
        from webscale_dagster.text.decontamination import Decontaminator

        return Decontaminator
    if name == "find_near_duplicates":
        from webscale_dagster.text.near_duplicates import find_near_duplicates

        return find_near_duplicates
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
