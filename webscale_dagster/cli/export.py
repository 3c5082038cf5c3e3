"""``webscale export``: a release in another format, as files of a folder."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import click

from webscale_dagster.cli.console import console
from webscale_dagster.contracts.dataset import SPLITS
from webscale_dagster.exports.formats import FORMATS
from webscale_dagster.exports.pinned import UnknownRelease, open_release
from webscale_dagster.exports.rl_examples import ExportError
from webscale_dagster.home import lake_root
from webscale_dagster.lake import Lake

_USUAL = tuple(split for split in SPLITS if split != "test")


@click.command("export")
@click.argument("release")
@click.option(
    "--format", "kind", type=click.Choice(list(FORMATS)), required=True, help="What to write."
)
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--splits",
    default=",".join(_USUAL),
    show_default=True,
    help="Which splits, with commas between them; `test` only if it is named.",
)
def export(release: str, kind: str, out: Path, splits: str) -> None:
    """Write a release to OUT in another format, from the table versions that it pins.

    RELEASE is the name of a release, or a channel that points to one.

    trl: a parquet file for each split, as TRL's GRPOTrainer takes it.

    verl: the same for verl, with the reward function that scores it.

    verifier-training: questions, answers and verdicts, to train a soft verifier with.

    Example: webscale export candidate --format trl out/
    """
    named = [split.strip() for split in splits.split(",")]
    if unknown := sorted(set(named) - set(SPLITS)):
        raise click.ClickException(f"no split {unknown[0]!r}; there are {', '.join(SPLITS)}")
    wanted = [split for split in SPLITS if split in named]
    try:
        pinned = open_release(Lake(lake_root()), release)
        made = FORMATS[kind](pinned, wanted)
    except (UnknownRelease, ExportError) as error:
        raise click.ClickException(str(error)) from None
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}
    manifest = {"release": pinned.name, "format": kind, "splits": wanted, "sha256": sums}
    for name, data in made.items():
        _write(out / name, data)
    _write(out / "manifest.json", json.dumps(manifest, indent=2).encode())
    console.print(f"{pinned.name} as {kind}: {', '.join(made)} in {out}")


def _write(path: Path, data: bytes) -> None:
    """Write aside, then rename: nobody sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    aside.write_bytes(data)
    os.replace(aside, path)


COMMANDS = {"export": export}
