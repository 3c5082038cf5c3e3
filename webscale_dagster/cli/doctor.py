"""``webscale doctor``: checks configuration, storage, files and model before money is spent."""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from collections.abc import Callable

import click

from webscale_dagster import shards
from webscale_dagster.cli.console import console, table
from webscale_dagster.home import home, home_recipe, lake_root
from webscale_dagster.lake import Lake
from webscale_dagster.llm.look import look
from webscale_dagster.recipe import ASKING
from webscale_dagster.walk import Walk, benchmark_files

_ENOUGH_DISK = 5 * 2**30  # bytes; a shard of 20,000 documents takes about 0.2 GiB


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON.")
def doctor(as_json: bool) -> None:
    """Check that a run can work: recipe, home, lake, benchmarks, shards' files, model.

    Example: webscale doctor && webscale run
    """
    findings = [(name, *_tried(check)) for name, check in CHECKS.items()]
    if as_json:
        console.print_json(
            data=[dict(zip(("check", "ok", "found"), f, strict=True)) for f in findings]
        )
    else:
        console.print(table("webscale doctor", ["check", "ok", "found"], findings))
    if not all(ok for _, ok, _ in findings):
        raise click.exceptions.Exit(1)


def _tried(check: Callable[[], str]) -> tuple[bool, str]:
    try:
        return True, check()
    except Exception as error:  # whatever is wrong is the finding
        return False, f"{type(error).__name__}: {error}"


def _python() -> str:
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        raise RuntimeError(f"Python {sys.version.split()[0]}; 3.11 to 3.13 are supported")
    return sys.version.split()[0]


def _recipe() -> str:
    recipe = home_recipe()
    return f"{recipe.name}, model {recipe.model.backend}"


def _home() -> str:
    home().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home()).free
    if free < _ENOUGH_DISK:
        raise RuntimeError(f"{home()}: only {free / 2**30:.1f} GiB free, 5 wanted")
    return f"{home()}, {free / 2**30:.0f} GiB free"


def _lake() -> str:
    """Write, read back and read again: what a run will do."""
    lake = Lake(lake_root())
    key, data = "doctor/probe", uuid.uuid4().hex.encode()
    lake.objects.put(key, data)
    if lake.objects.get(key) != data:
        raise RuntimeError(f"{lake.root}: reads back something else than was written")
    return f"{lake.root}: writes and reads"


def _benchmarks() -> str:
    files = benchmark_files(home_recipe())
    return f"{len(files)} files"


def _shards() -> str:
    """Every file is still there, with the size it was registered with."""
    found = shards.registered(Walk.at_home().lake)
    gone = [
        row["uri"]
        for row in found.to_dicts()
        if not row["uri"].startswith("s3://")
        and (not os.path.exists(row["uri"]) or os.path.getsize(row["uri"]) != row["size"])
    ]
    if gone:
        raise RuntimeError(f"missing or changed since registered: {', '.join(gone[:5])}")
    return f"{found.height} registered"


def _model() -> str:
    """Every model of the recipe can be reached, without asking it anything."""
    recipe = home_recipe()
    chosen = {recipe.model_of(stage).identity: recipe.model_of(stage) for stage in ASKING}
    return "; ".join(look(model) for model in chosen.values())


CHECKS: dict[str, Callable[[], str]] = {
    "python": _python,
    "recipe": _recipe,
    "home": _home,
    "lake": _lake,
    "benchmarks": _benchmarks,
    "shards": _shards,
    "model": _model,
}
COMMANDS = {"doctor": doctor}
