"""Imports go one way, and what must stay light stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "webscale_dagster"
# A module may import its own layer and those below it.
LAYERS = (
    ("text", "verifiers", "table", "experiment_tables", "tables", "models", "experiment", "recipe"),
    ("stages", "refine"),
    (
        "llm",
        "lake",
        "delta",
        "admitted",
        "deduplication",
        "content",
        "objects",
        "home",
        "progress",
        "readers",
        "sources",
        "shards",
        "walk",
        "estimate",
        "ingest",
        "contracts",
        "exports",
        "marts",
        "lake_marts",
        "audit",
        "training",
        "evaluation",
    ),
    ("defs", "definitions", "cli"),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
HEAVY = {
    "great_expectations",
    "torch",
    "vllm",
    "ray",
    "datasets",
    "pandas",
    "trafilatura",
    "numba",
    "scipy",
    "transformers",
    "trl",
}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE / "dbt_like_sql")


def _imports(path: Path, *, top: bool = False) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def _layer(path: Path) -> int:
    return LEVEL[path.relative_to(PACKAGE).parts[0].removesuffix(".py")]


def _violations(path: Path, layer: int) -> list[str]:
    upward = []
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] == "webscale_dagster" and len(parts) > 1 and LEVEL[parts[1]] > layer:
            upward.append(name)
        if parts[0] in ("dagster", "dagster_graphql") and layer < 3:
            upward.append(name)
    return upward


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    if path != PACKAGE / "__init__.py":
        assert _violations(path, _layer(path)) == []


def test_an_upward_import_is_found(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("from webscale_dagster.lake import Lake\nimport dagster\n", encoding="utf-8")
    assert sorted(_violations(bad, 0)) == ["dagster", "webscale_dagster.lake"]


def test_nothing_imports_the_definitions() -> None:
    users = [
        path
        for path in FILES
        if _layer_name(path) not in ("defs", "definitions", "cli", "__init__")
        and any(name.startswith("webscale_dagster.defs") for name in _imports(path))
    ]
    assert users == []


def _layer_name(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_the_package_itself_imports_nothing() -> None:
    assert _imports(PACKAGE / "__init__.py") == set()


def test_loading_the_definitions_leaves_heavy_libraries_alone() -> None:
    script = (
        "import sys; from webscale_dagster.definitions import defs; defs(); "
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
