"""Folders for PYTHONPATH in which parts of verl are fake: all of it, or beside the real one."""

from __future__ import annotations

import shutil
from pathlib import Path

FAKE = Path(__file__).parent / "fake"
# Python imports it at its start: one module of an installed package is another one then.
_FINDER = """
import importlib.util, sys

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "verl.trainer.main_ppo":
            return importlib.util.spec_from_file_location(name, {path!r})
        return None

sys.meta_path.insert(0, Finder)
"""


def whole_verl(folder: Path) -> str:
    """A package ``verl`` with a trainer and a merger, both fake."""
    for package in ("", "trainer", "model_merger"):
        (folder / "verl" / package).mkdir(parents=True)
        (folder / "verl" / package / "__init__.py").touch()
    shutil.copyfile(FAKE / "main_ppo.py", folder / "verl" / "trainer" / "main_ppo.py")
    shutil.copyfile(FAKE / "model_merger.py", folder / "verl" / "model_merger" / "__main__.py")
    return str(folder)


def beside_verl(folder: Path, engine: str) -> str:
    """The real verl with a fake trainer, and an empty package where its engine would be."""
    folder.mkdir(parents=True)
    finder = _FINDER.format(path=str(FAKE / "main_ppo.py"))
    (folder / "sitecustomize.py").write_text(finder, encoding="utf-8")
    (folder / engine).mkdir()
    (folder / engine / "__init__.py").touch()
    return str(folder)
