"""Where things live: one folder, ``WEBSCALE_HOME``, shared by demo, run, UI and daemon.

    $WEBSCALE_HOME/            ./.webscale by default
      recipe.toml              the recipe of this home's dataset
      lake/                    the tables, unless WEBSCALE_LAKE names a folder or s3:// address
      dagster/                 the Dagster instance, unless DAGSTER_HOME is set
      journal/<stage>/         every model reply, before it counts
      sources/                 source TOMLs that `webscale ingest` wrote

Reads the environment; writes the folder, the recipe and Dagster's configuration when asked to.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webscale_dagster.recipe import Recipe, RecipeError, load_recipe, parse_recipe, recipe_text

DAGSTER_YAML = """\
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    default_limit: 1           # one shard is admitted at a time; one user of the GPU
  runs:
    max_concurrent_runs: 2
run_monitoring:
  enabled: true
  start_timeout_seconds: 300   # a loaded machine takes its time to import; 30 s fails healthy runs
  max_resume_run_attempts: 0
  free_slots_after_run_end_seconds: 10
run_retries:
  enabled: true
  max_retries: 2
  retry_on_asset_or_op_failure: false   # a broken contract stays broken; a killed worker does not
"""
WORKSPACE_YAML = """\
load_from:
  - python_module:
      module_name: webscale_dagster.definitions
      location_name: webscale_dagster
"""


def home() -> Path:
    """The home folder, absolute."""
    return Path(os.environ.get("WEBSCALE_HOME") or ".webscale").absolute()


def lake_root() -> str:
    """Root of the lake: ``WEBSCALE_LAKE`` or the home's ``lake`` folder."""
    return os.environ.get("WEBSCALE_LAKE") or str(home() / "lake")


def journal_folder() -> Path:
    """Folder of the model's replies; always on a local disk."""
    return home() / "journal"


def home_recipe() -> Recipe:
    """The recipe in force: ``WEBSCALE_RECIPE``, else the home's own, else the default one."""
    chosen = os.environ.get("WEBSCALE_RECIPE")
    if chosen:
        return load_recipe(chosen)
    path = home() / "recipe.toml"
    if path.is_file():
        return parse_recipe(path.read_text(encoding="utf-8"), str(path))
    return load_recipe("default")


def chosen_recipe(name: str | None) -> Recipe:
    """The recipe of that name or file, else this home's."""
    return load_recipe(name) if name else home_recipe()


def use_recipe(name_or_path: str) -> Recipe:
    """Make a recipe the home's: from now on runs, UI and daemon read it."""
    return _write_recipe(*recipe_text(name_or_path))


def _write_recipe(text: str, origin: str) -> Recipe:
    recipe = parse_recipe(text, origin)
    path = home() / "recipe.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        aside = path.with_suffix(".new")
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, path)
    return recipe


def use_model(text: str) -> Recipe:
    """Put the model that ``URL#NAME`` names into the home's recipe; its other lines stay."""
    import tomlkit

    if os.environ.get("WEBSCALE_RECIPE"):
        raise RecipeError("WEBSCALE_RECIPE names the recipe; put the model into its [model] table")
    wanted = home_recipe().with_model(text).model
    path = home() / "recipe.toml"
    old = path.read_text(encoding="utf-8") if path.is_file() else recipe_text("default")[0]
    document = tomlkit.parse(old)
    table = document.get("model", tomlkit.table())
    if table.get("name") != wanted.name:  # another model has another price and other extras
        table = tomlkit.table()
    fields = wanted.model_dump(mode="json", include={"backend", "name", "endpoints"})
    for name, value in fields.items():
        if value:
            table[name] = value
        else:
            table.pop(name, None)
    document["model"] = table
    return _write_recipe(tomlkit.dumps(document), str(path))


def prepare_dagster_home() -> Path:
    """Set ``DAGSTER_HOME`` (unless it is set) and write its configuration where there is none."""
    folder = Path(os.environ.setdefault("DAGSTER_HOME", str(home() / "dagster")))
    for name, text in (("dagster.yaml", DAGSTER_YAML), ("workspace.yaml", WORKSPACE_YAML)):
        if not (folder / name).exists():  # a deployment's own, perhaps read-only, stays as it is
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    return folder


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold a lock of this home; the kernel frees it when its holder dies, however it dies."""
    path = home() / "locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
