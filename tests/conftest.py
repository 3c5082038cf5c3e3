"""Fixtures that many tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The root of the real documents, from ``WEBSCALE_CORPORA``; tests skip where it is not set."""
    root = Path(os.environ.get("WEBSCALE_CORPORA", ""))
    if not os.environ.get("WEBSCALE_CORPORA") or not (root / "corpora").is_dir():
        pytest.skip("WEBSCALE_CORPORA does not name a folder with corpora/")
    return root
