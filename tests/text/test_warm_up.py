from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.service
def test_what_a_run_needs_lies_compiled_afterwards(tmp_path: Path) -> None:
    """A process of its own: numba asks for its folder when it is imported."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "webscale_dagster.text.warm_up"]
    subprocess.run(command, env=environment, check=True)
    compiled = {path.name.split(".")[1].split("-")[0] for path in tmp_path.rglob("*.nbi")}
    assert {"hash_texts", "look_up", "select", "count_repetition"} <= compiled
    before = set(tmp_path.rglob("*.nbc"))
    subprocess.run(command, env=environment, check=True)
    assert set(tmp_path.rglob("*.nbc")) == before
