"""A release stores what the text engine finds, and one that misses verbatim leaks is held back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.verl.releases import small_release
from webscale_dagster.exports import release as module
from webscale_dagster.exports.release import current_channel, make_release
from webscale_dagster.exports.text_engine import engine_report, sample
from webscale_dagster.recipe import Recipe
from webscale_dagster.text.engine_report import Measure, Report
from webscale_dagster.walk import Walk


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """Two documents, carried to a release."""
    home = tmp_path_factory.mktemp("engine") / "home"
    return Walk(small_release(home, recipe="").lake, Recipe())


def test_it_is_stored_with_the_release_and_the_same_again(walk: Walk) -> None:
    release = make_release(walk)
    stored = json.loads((Path(release.folder) / "text_engine.json").read_text(encoding="utf-8"))
    assert stored == release.engine.as_dict() == engine_report(walk.lake, walk.recipe).as_dict()
    assert stored["documents"] == 2 and stored["questions"] > 0
    assert release.engine.verbatim.missed == 0
    (gate,) = [gate for gate in release.gates if gate.name == "verbatim_leaks_found"]
    assert gate.passed
    card = (Path(release.folder) / "README.md").read_text(encoding="utf-8")
    assert "| leak: verbatim | " in card and "| exact Jaccard >= 0.8: recall | " in card


def test_the_sample_is_the_seed_s(walk: Walk) -> None:
    texts = sample(walk.lake, 1)
    assert len(texts) == 2 and sample(walk.lake, 1) == texts
    assert sample(walk.lake, 1, n=1)[0] in texts


def test_a_missed_leak_holds_the_release(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = current_channel(walk, "candidate")
    recipe = walk.recipe.model_copy(update={"name": "deaf"})
    missed = Report(2, 2, [Measure("leaks", "verbatim", "pair", 2, 1, "leak")])
    calls = []
    monkeypatch.setattr(module, "engine_report", lambda *_: calls.append(1) or missed)
    for _ in range(2):  # what missed a leak is looked at again, what found all is read back
        release = make_release(Walk(walk.lake, recipe))
        closed = {gate.name: gate.seen for gate in release.gates if not gate.passed}
        assert closed == {"verbatim_leaks_found": "1 of 2 planted benchmark questions found"}
        assert release.channel is None and current_channel(walk, "candidate") == before
    assert len(calls) == 2
    make_release(walk)
    assert len(calls) == 2
