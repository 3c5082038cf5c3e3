"""``webscale train`` and ``webscale train-demo``: experiments in this process, to a comparison."""

from __future__ import annotations

import time
from pathlib import Path

import click

from webscale_dagster.cli.console import console, errors
from webscale_dagster.experiment import ARMS, experiment
from webscale_dagster.home import home, home_recipe, use_recipe
from webscale_dagster.ingest import ingest_source
from webscale_dagster.sources import write_source
from webscale_dagster.walk import Walk


@click.command("train")
@click.argument("names", nargs=-1, metavar="[EXPERIMENT]...")
@click.option("--processes", type=click.IntRange(min=1), help="One for each GPU of this host.")
@click.option("--accelerate-config", type=click.Path(exists=True), help="DeepSpeed, FSDP, hosts.")
@click.option("--evaluate/--no-evaluate", default=True, help="Score every experiment, compare.")
def train(
    names: tuple[str, ...], processes: int | None, accelerate_config: str | None, evaluate: bool
) -> None:
    """Train and evaluate experiments on the release in the recipe's channel, then compare the arms.

    EXPERIMENT is `<arm>-s<seed>`, by default all of the recipe's `[training]`. What is trained
    already is not trained again; kill it and run it again at any time.

    Example: webscale train sft-s1 sft_grpo-s1
    """
    for name in names:
        try:
            experiment(name)
        except ValueError as error:
            raise click.ClickException(str(error)) from None
    wanted = list(names) or home_recipe().training.experiments()
    trainer = {
        **({"processes": processes} if processes else {}),
        **({"accelerate_config": accelerate_config} if accelerate_config else {}),
    }
    _run(wanted, trainer, evaluate=evaluate)


def _run(names: list[str], trainer: dict[str, object], *, evaluate: bool) -> None:
    from webscale_dagster.cli.experiments import Experiments

    _require_training()
    started = time.monotonic()
    outcome = Experiments(trainer).run(names, evaluate=evaluate)
    if evaluate:
        _show_comparison()
    console.print(f"{len(outcome.done)} experiments in {time.monotonic() - started:.0f} s")
    if outcome.failed:
        raise click.exceptions.Exit(1)


def _require_training() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("torch", "transformers", "trl", "datasets") if not find_spec(name)]
    if missing:
        raise click.ClickException(
            f"{', '.join(missing)} not installed: `make train`, or pip install "
            "'webscale-dagster[train]'"
        )


def _show_comparison() -> None:
    from rich.markdown import Markdown

    from webscale_dagster.defs.token_efficiency import report_of

    walk = Walk.at_home()
    console.print(Markdown(report_of(walk).markdown))
    console.print(f"{walk.lake.root}/reports/token_efficiency.md", style="dim")


@click.command("train-demo")
@click.option(
    "--documents", default=300, show_default=True, help="Of the generated source, 300 at most."
)
@click.option("--seed", default=2, show_default=True, help="Of the generated source.")
@click.option("--arms", help=f"With commas between them; known: {', '.join(ARMS)}.")
@click.option("--seeds", help="Seeds of the experiments, with commas between them.")
def train_demo(documents: int, seed: int, arms: str | None, seeds: str | None) -> None:
    """A small real experiment on a CPU: a generated source through the walk, then all arms.

    Tokenizer and model are made on the spot. It shows that the parts work together and what a
    comparison looks like; it is no evidence about large models.

    Example: webscale train-demo --arms base,sft,sft_grpo --seeds 1,2,3
    """
    from webscale_dagster.cli.runs import ORDER, Runner
    from webscale_dagster.training.generated_source import write_generated_source

    _require_training()
    if not (home() / "recipe.toml").exists():
        use_recipe("experiment")
    folder = home() / "generated"
    path = folder / f"generated-{documents}-{seed}.jsonl"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_generated_source(path, documents, seed)
    walk = Walk.at_home()
    ingest_source(walk, _source(folder))
    from webscale_dagster import shards

    outcome = Runner(walk).run(shards.names(walk.lake), ORDER)
    if outcome.failed:
        raise click.ClickException("; ".join(outcome.failed.values()))
    training = walk.recipe.training
    chosen_arms = arms.split(",") if arms else list(training.arms)
    chosen_seeds = seeds.split(",") if seeds else [str(number) for number in training.seeds]
    names = [f"{arm}-s{number}" for arm in chosen_arms for number in chosen_seeds]
    for name in names:
        try:
            experiment(name)
        except ValueError as error:
            raise click.ClickException(str(error)) from None
    _run(names, {}, evaluate=True)
    errors.print(f"Home: {home()}; look at it: webscale ui", style="dim")


def _source(folder: Path) -> Path:
    return write_source(str(folder), home() / "sources", {"group_field": "group"}, "generated")


COMMANDS = {"train": train, "train-demo": train_demo}
