"""What is installed from a wheel works like the checkout: nothing is looked up beside the code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.service
ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from pathlib import Path
import webscale_dagster
assert Path(webscale_dagster.__file__).is_relative_to(sys.argv[1]), webscale_dagster.__file__
from webscale_dagster.definitions import defs
from webscale_dagster.lake_marts import project_folder
from webscale_dagster.stages.domains import domains
from webscale_dagster.recipe import load_recipe
from webscale_dagster.walk import benchmark_files
assert project_folder().is_relative_to(sys.argv[1])
assert len(domains(load_recipe("demo"))) >= 12
assert all(path.is_file() for path in benchmark_files(load_recipe("default")))
assert defs().resolve_asset_graph().get_all_asset_keys()
print("ok")
"""


def test_a_wheel_carries_all_it_needs(tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    source = tmp_path / "source"
    for name in ("webscale_dagster", "dbt_like_sql"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    built = [str(uv), "build", "--wheel", "--quiet", "--out-dir", str(tmp_path), str(source)]
    subprocess.run(built, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    unpacked = tmp_path / "unpacked"
    zipfile.ZipFile(wheel).extractall(unpacked)
    environment = os.environ | {
        "PYTHONPATH": str(unpacked),
        "WEBSCALE_HOME": str(tmp_path / "home"),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(unpacked)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stdout.strip().endswith("ok"), done.stderr
