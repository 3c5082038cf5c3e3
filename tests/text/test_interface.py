from __future__ import annotations

import subprocess
import sys

import pytest

import webscale_dagster.text
import webscale_dagster.text.quality  # a module of the function's name
from webscale_dagster.text import Decontaminator, detect_language, find_near_duplicates, quality


def test_the_names_people_import_are_the_functions() -> None:
    assert all(map(callable, (Decontaminator, detect_language, find_near_duplicates, quality)))
    assert webscale_dagster.text.quality is quality


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'qualities'"):
        _ = webscale_dagster.text.qualities


def test_importing_the_package_brings_nothing_heavy() -> None:
    program = (
        "import sys, webscale_dagster.text\n"
        "print([n for n in ('numpy', 'polars', 'datasketch', 'scipy') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr
