"""An attempt opens journal, lease and copy in this order, and closes them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.llm.fakes import SHARD
from webscale_dagster.llm import attempt as module
from webscale_dagster.llm.attempt import attempt
from webscale_dagster.llm.client import JournaledModel
from webscale_dagster.llm.errors import LeaseLost
from webscale_dagster.llm.pace import Pace
from webscale_dagster.models import model_from
from webscale_dagster.objects import FolderObjects
from webscale_dagster.recipe import Recipe

MODEL = model_from("http://127.0.0.1:1/v1#m")
Attempt = AbstractContextManager[tuple[JournaledModel, Callable[[], None]]]


def _attempt(
    folder: Path, lake: FolderObjects, recipe: Recipe, said: list[str] | None = None
) -> Attempt:
    say = said.append if said is not None else lambda message: None
    return attempt(
        recipe, lake, folder, "qa_pairs", SHARD, pace=Pace(), watch=lambda tally: None, say=say
    )


@pytest.fixture
def lake(tmp_path: Path) -> FolderObjects:
    return FolderObjects(str(tmp_path / "lake"))


def test_rules_need_no_lease(tmp_path: Path, lake: FolderObjects) -> None:
    with _attempt(tmp_path / "journal", lake, Recipe()) as ((model,), check):
        assert model.name == "extractive"
        check()
    assert not Path(lake.root).exists()


def test_a_model_that_costs_has_a_lease_and_on_a_folder_no_copy(
    tmp_path: Path, lake: FolderObjects
) -> None:
    with _attempt(tmp_path / "journal", lake, Recipe(model=MODEL)) as ((model,), check):
        assert model.name == "m"
        check()
        (key,) = lake.keys("")
        assert key == f"leases/qa_pairs/{SHARD}/00000001.json"
    assert b'"released": true' in (lake.get(key) or b"")


def test_an_attempt_that_fails_frees_its_lease(tmp_path: Path, lake: FolderObjects) -> None:
    with (
        pytest.raises(RuntimeError, match="of the stage"),
        _attempt(tmp_path / "journal", lake, Recipe(model=MODEL)),
    ):
        raise RuntimeError("a bug of the stage")
    with _attempt(tmp_path / "other", lake, Recipe(model=MODEL)) as (_, check):  # does not wait
        check()


def test_check_and_model_stop_when_another_has_taken_over(
    tmp_path: Path, lake: FolderObjects
) -> None:
    from tests.llm.fakes import request

    with _attempt(tmp_path / "journal", lake, Recipe(model=MODEL)) as ((model,), check):
        lake.put(f"leases/qa_pairs/{SHARD}/00000002.json", b"{}")
        lease = check.__self__  # type: ignore[attr-defined]
        lease._alive = float("-inf")
        with pytest.raises(LeaseLost):
            check()
        with pytest.raises(LeaseLost):
            next(iter(model.ask([request()])))
    assert lake.get(f"leases/qa_pairs/{SHARD}/00000002.json") == b"{}"


def test_where_the_lake_is_on_s3_the_journal_is_copied_under_the_leases_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bucket(FolderObjects):
        """A folder that passes for S3."""

    monkeypatch.setattr(module, "S3Objects", Bucket)
    bucket = Bucket(str(tmp_path / "bucket"))
    for number, keys in ((1, 1), (2, 2)):
        with _attempt(tmp_path / f"host{number}", bucket, Recipe(model=MODEL)) as ((model,), _):
            journal: Any = model._journal
            assert len(journal) == number - 1  # the host before had answered so many
            journal.add([(f"{number:024d}", _done())])
        pieces = list(bucket.keys("journal/"))
        assert len(pieces) == keys
        assert pieces[-1] == f"journal/qa_pairs/{SHARD}/{number:08d}-000000.jsonl.zst"


def _done() -> Any:
    from webscale_dagster.llm.journal import Completion

    return Completion("x")
