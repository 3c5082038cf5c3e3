"""Code that decides the bytes of a dataset is versioned: a change needs a bump, or a refresh.

``tests/golden/code.json`` holds, for every stage and for the extractive writer, its version and a
hash of the syntax trees of its module and of all it imports from the layers below. After a change
that alters what comes out: bump ``version`` in the stage's STAGE (or ``revision`` in recipe.py's
ModelChoice). After one that does not (a rename, a comment is not even seen): refresh with

    WEBSCALE_WRITE_GOLDEN=1 pytest tests/test_versions.py
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from pathlib import Path

import pytest

from webscale_dagster.recipe import Recipe
from webscale_dagster.stages import STAGES

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden" / "code.json"
# A change of these changes no row by itself: thresholds are hashed with the recipe.
NEUTRAL = {"webscale_dagster.recipe", "webscale_dagster.tables", "webscale_dagster.stages"}


def _path(module: str) -> Path | None:
    base = ROOT / module.replace(".", "/")
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _tree(path: Path) -> ast.Module:
    """The file's syntax tree without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
            and isinstance(body[0].value.value, str)
        ):
            body.pop(0)
    return tree


# Run as programs, not imported: who has the first can be changed by the others.
PROGRAMS = {
    "webscale_dagster.verifiers.code_tests": ("code_runner", "code_solution", "sandbox_main"),
}


def _closure(module: str) -> set[str]:
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _path(name)
        if name in found or name in NEUTRAL or path is None:
            continue
        found.add(name)
        waiting += [f"webscale_dagster.verifiers.{program}" for program in PROGRAMS.get(name, ())]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("webscale"):
                waiting.append(str(node.module))
                waiting += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def _hash(module: str) -> str:
    digest = hashlib.sha256()
    for name in sorted(_closure(module)):
        path = _path(name)
        assert path is not None
        digest.update(f"{name}\n{ast.dump(_tree(path))}".encode())
    return digest.hexdigest()[:16]


def _now() -> dict[str, dict[str, str]]:
    units = {
        name: {"version": str(stage.version), "code": _hash(f"webscale_dagster.stages.{name}")}
        for name, stage in STAGES.items()
    }
    units["extractive"] = {
        "version": Recipe().model.revision,
        "code": _hash("webscale_dagster.llm.extractive"),
    }
    return units


@pytest.fixture(scope="module")
def now() -> dict[str, dict[str, str]]:
    found = _now()
    if os.environ.get("WEBSCALE_WRITE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


@pytest.mark.parametrize("unit", [*STAGES, "extractive"])
def test_changed_code_has_a_new_version(unit: str, now: dict[str, dict[str, str]]) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))[unit]
    if golden["version"] == now[unit]["version"]:
        assert golden["code"] == now[unit]["code"], (
            f"{unit}: its code changed and its version did not; bump it if rows may change, then "
            "refresh: WEBSCALE_WRITE_GOLDEN=1 pytest tests/test_versions.py"
        )
    else:
        pytest.fail(f"{unit}: new version, old golden file; refresh it as the docstring says")


def test_a_changed_line_is_seen_and_a_docstring_is_not(tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    dumps = []
    for text in ('"""One."""\nx = 1\n', '"""Two."""\nx = 1\n', '"""Two."""\nx = 2\n'):
        path.write_text(text, encoding="utf-8")
        dumps.append(ast.dump(_tree(path)))
    assert dumps[0] == dumps[1] != dumps[2]
