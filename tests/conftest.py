"""Fixtures that many tests share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

Register = Callable[..., list[str]]


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The root of the real documents, from ``WEBSCALE_CORPORA``; tests skip where it is not set."""
    root = Path(os.environ.get("WEBSCALE_CORPORA", ""))
    if not os.environ.get("WEBSCALE_CORPORA") or not (root / "corpora").is_dir():
        pytest.skip("WEBSCALE_CORPORA does not name a folder with corpora/")
    return root


def make_home(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """A home of its own there, whatever this environment names."""
    for name in ("WEBSCALE_LAKE", "WEBSCALE_RECIPE", "WEBSCALE_BENCHMARKS"):
        patch.delenv(name, raising=False)
    patch.setenv("WEBSCALE_HOME", str(folder))
    patch.setenv("DAGSTER_HOME", str(folder / "dagster"))
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of the walk's own, with the demo's recipe."""
    return make_home(tmp_path / "home", monkeypatch)


@pytest.fixture
def register(home: Path) -> Register:
    """Writes documents as a JSONL file of source ``s`` and registers its shards."""
    from webscale_dagster.ingest import ingest_source
    from webscale_dagster.sources import write_source
    from webscale_dagster.walk import Walk

    def write(name: str, documents: Sequence[Any], *, update: bool = False) -> list[str]:
        folder = home / "corpus"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [d if isinstance(d, str) else json.dumps(d) for d in documents]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        toml = write_source(str(folder), home / "sources", {"group_field": "group"}, "s")
        report = ingest_source(Walk.at_home(), toml, update=update)
        return report.updated if update else report.new

    return write
