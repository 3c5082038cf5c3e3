"""Run configuration: what it may change, and that no recipe can hold it."""

from __future__ import annotations

import dataclasses

import pytest

from webscale_dagster.llm.pace import Pace
from webscale_dagster.recipe import RecipeError, parse_recipe


def test_a_pace_does_not_change_once_it_is_made() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Pace().concurrency = 5  # type: ignore[misc]
    assert Pace() == Pace()


def test_by_default_a_run_finds_its_own_pace_and_gives_up_one_day() -> None:
    pace = Pace()
    assert pace.adapt and pace.concurrency > 256
    assert 0 < pace.give_up_seconds <= pace.request_seconds
    assert pace.max_tries > 1 and pace.total_seconds is None


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Pace)])
def test_no_recipe_holds_it(name: str) -> None:
    """It would be a part of the dataset's version, and changes no byte of it."""
    for table in ("model", "qa_pairs"):
        with pytest.raises(RecipeError, match=name):
            parse_recipe(f"[{table}]\n{name} = 1\n", "my.toml")
