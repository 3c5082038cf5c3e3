"""``webscale run``: the walk in this process, recorded in the home's Dagster instance."""

from __future__ import annotations

import click

from webscale_dagster import shards
from webscale_dagster.cli.console import console, errors
from webscale_dagster.cli.estimate import MODEL_HELP, estimate_run
from webscale_dagster.exports.gates import closed_gates
from webscale_dagster.home import use_model, use_recipe
from webscale_dagster.walk import Walk


@click.command("run")
@click.option("--shards", "pattern", default="*", help="A glob over shard names.")
@click.option("--from", "first", help="First asset to bring up to date.")
@click.option("--to", "last", help="Last asset to bring up to date.")
@click.option("--recipe", help="A recipe's name or TOML file; it becomes this home's recipe.")
@click.option("--model", metavar="URL#NAME", help=MODEL_HELP)
@click.option("--concurrency", type=click.IntRange(min=1), help="Requests in flight, at most.")
@click.option("--estimate", "only_estimate", is_flag=True, help="Say what it would cost, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def run(
    pattern: str,
    first: str | None,
    last: str | None,
    recipe: str | None,
    model: str | None,
    concurrency: int | None,
    only_estimate: bool,
    as_json: bool,
) -> None:
    """Bring shards up to date and release what they hold.

    Only what is not fresh is made; kill it and run it again at any time.

    Example: webscale run --shards 'wikipedia-*' --to decontaminated_set

    Example: webscale run --model http://127.0.0.1:8000/v1#Qwen/Qwen3-8B --estimate
    """
    from webscale_dagster.cli.runs import ORDER, Runner

    if recipe:
        use_recipe(recipe)
    if model:
        use_model(model)
    walk = Walk.at_home()
    names = shards.names(walk.lake, pattern)
    if not names:
        raise click.ClickException(
            f"no shard fits {pattern!r}; register some: webscale ingest SOURCE"
        )
    stages = _between(ORDER, first, last)
    if only_estimate:
        estimate_run(walk, names, stages, as_json=as_json)
        return
    outcome = Runner(walk, concurrency).run(names, stages)
    if as_json:
        console.print_json(data=outcome.__dict__)
    else:
        _report(walk, outcome.done, outcome.fresh, outcome.failed)
    shut = closed_gates(walk) if "dataset_release" in stages else []
    for gate in shut:
        errors.print(f"[red]gate closed[/red] {gate.name}: {gate.seen}; wanted: {gate.wanted}")
    if outcome.failed or shut:
        raise click.exceptions.Exit(1)


def _between(order: tuple[str, ...], first: str | None, last: str | None) -> tuple[str, ...]:
    for name in (first, last):
        if name is not None and name not in order:
            raise click.ClickException(f"{name!r} is no asset of the walk: {', '.join(order)}")
    start = order.index(first) if first else 0
    end = order.index(last) + 1 if last else len(order)
    if start >= end:
        raise click.ClickException(f"--from {first} comes after --to {last}")
    return order[start:end]


def _report(walk: Walk, done: list[str], fresh: list[str], failed: dict[str, str]) -> None:
    from webscale_dagster.exports.release import current_channel

    console.print(f"{len(done)} shards made, {len(fresh)} were up to date, {len(failed)} failed")
    channel = current_channel(walk, "candidate")
    if channel:
        console.print(f"candidate → {walk.lake.root}/releases/{channel['release']}")
    console.print("webscale status — funnel, rejects, verdicts;  webscale ui — the web UI")


COMMANDS = {"run": run}
