from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.text.test_near_duplicates import SETTINGS, frame, planted
from webscale_dagster.deduplication import Deduplication
from webscale_dagster.text import find_near_duplicates


@pytest.mark.parametrize("rows", [9, 50])
def test_part_by_part_is_all_at_once(rows: int, tmp_path: Path) -> None:
    whole = frame(*planted(3), "", "", "...")
    deduplication = Deduplication(tmp_path, SETTINGS)
    found = [deduplication.add(whole.slice(start, rows)) for start in range(0, whole.height, rows)]
    expected = find_near_duplicates(whole, settings=SETTINGS)
    assert expected.height > 20
    assert pl.concat(found).equals(expected)


def test_an_id_of_an_earlier_part_is_found_even_if_that_was_a_duplicate(tmp_path: Path) -> None:
    deduplication = Deduplication(tmp_path, SETTINGS)
    assert deduplication.repeated(pl.Series(["d0"])) is None
    deduplication.add(frame("one text", "one text"))
    assert deduplication.repeated(pl.Series(["x", "d1"])) == 1
    assert deduplication.repeated(pl.Series(["x", "y"])) is None
