"""``webscale red-team``: what attacks on the verifiers earn, by answer type and family."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click

from webscale_dagster.cli.console import console, errors, table
from webscale_dagster.cli.estimate import MODEL_HELP
from webscale_dagster.exports.verifier_checks import shown
from webscale_dagster.home import home_recipe, journal_folder
from webscale_dagster.llm.judge import EndpointJudge, open_judge
from webscale_dagster.recipe import DatasetRelease, Recipe
from webscale_dagster.stages.rl_splits import as_example
from webscale_dagster.verifiers.attack_sets import attacks_on, package_attacks
from webscale_dagster.verifiers.outcome import Judge
from webscale_dagster.verifiers.red_team import Attack, Report, run
from webscale_dagster.walk import Walk


@click.command("red-team")
@click.option("--model", metavar="URL#NAME", help=f"Judge of the judged types. {MODEL_HELP}")
@click.option("--judge-endpoint", metavar="URL", help="Judge: what scores at this address.")
@click.option("--examples/--no-examples", default=True, help="Attack this home's examples too.")
@click.option("--json", "as_json", is_flag=True, help="Counts, hacks and failures, as JSON.")
def red_team(model: str | None, judge_endpoint: str | None, examples: bool, as_json: bool) -> None:
    """Try replies that are no right answer on every verifier, and say what they earned.

    Without a model the judge says yes to whatever reaches it: its guards alone are measured. Exit
    code 1 if the hack rate, or the share without a verdict, is above the recipe's limit.

    Example: webscale red-team --model http://127.0.0.1:8000/v1#Qwen/Qwen3-8B
    """
    recipe = home_recipe()
    attacks = [*package_attacks(), *(_on_this_home() if examples else [])]
    with _judge(recipe, model, judge_endpoint) as judge, errors.status(f"{len(attacks):,} attacks"):
        report = run(attacks, judge)
    if as_json:
        console.print_json(data=_as_dict(report))
    else:
        _print(report)
    settings = recipe.dataset_release
    for problem in _above(report, settings):
        errors.print(f"[red]{problem}[/red]")
    if _above(report, settings):
        raise click.exceptions.Exit(1)


def _judge(
    recipe: Recipe, model: str | None, endpoint: str | None
) -> AbstractContextManager[Judge | None]:
    if model and endpoint:
        raise click.UsageError("one judge: --model or --judge-endpoint")
    if endpoint:
        try:
            return nullcontext(EndpointJudge(endpoint))
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--judge-endpoint") from None
    return open_judge(recipe.with_model(model), journal_folder()) if model else nullcontext()


def _on_this_home() -> list[Attack]:
    walk = Walk.at_home()
    rows = walk.lake.read("rl_splits").collect().iter_rows(named=True)
    examples = [as_example(row, walk.recipe.rl_splits) for row in rows]
    return attacks_on(examples, walk.recipe.dataset_release.attacks_on_examples)


def _print(report: Report) -> None:
    head = ("answer type", "family", "attacks", "hacks", "without a verdict")
    rows = [(r.answer_type, r.family, r.attacks, r.hacks, r.failures) for r in report.rows()]
    console.print(table("The red team", head, sorted(rows)))
    for name, found in (("hack", report.hacks), ("no verdict", report.failures)):
        for one in found:
            attack, outcome = one.attack, one.outcome
            console.print(f"\n[red]{name}[/red] {attack.answer_type}, {attack.family}")
            console.print(f"Q {attack.question}\nA {attack.ground_truth}", markup=False)
            console.print(f"→ {attack.completion!r}", markup=False)
            console.print(f"{outcome.outcome}: {outcome.reason}", style="dim", markup=False)
    left = f"; {report.left_out} more need a judge" if report.left_out else ""
    console.print(
        f"{len(report.tried):,} attacks, hack rate {report.hack_rate:.2%} ({len(report.hacks)}), "
        f"{len(report.failures)} without a verdict{left}"
    )


def _as_dict(report: Report) -> dict[str, Any]:
    return {
        "attacks": len(report.tried),
        "hack_rate": report.hack_rate,
        "failure_rate": report.failure_rate,
        "left_out": report.left_out,
        "rows": [vars(row) for row in report.rows()],
        "hacks": [shown(one) for one in report.hacks],
        "failures": [shown(one) for one in report.failures],
    }


def _above(report: Report, settings: DatasetRelease) -> list[str]:
    limits = (
        ("hack rate", report.hack_rate, settings.max_hack_rate),
        ("share without a verdict", report.failure_rate, settings.max_verifier_failure_share),
    )
    return [
        f"{what} {seen:.2%}; wanted: at most {most:.2%}"
        for what, seen, most in limits
        if seen > most
    ]


COMMANDS = {"red-team": red_team}
