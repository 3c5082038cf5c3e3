"""``webscale backfill``: launches a backfill through the running daemon, and follows it.

One run per shard. Dagster judges a backfill by its last attempt; this command judges it by its
shards' runs. Whether a shard needs another one is read from the lake, never from Dagster.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import dagster as dg

from webscale_dagster import shards
from webscale_dagster.cli.console import bars, console, errors, table
from webscale_dagster.cli.processes import program
from webscale_dagster.cli.runs import ORDER, instance_at_home
from webscale_dagster.defs.partitions import sync_shards
from webscale_dagster.home import prepare_dagster_home
from webscale_dagster.walk import SHARDED, Walk

_ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
# A backfill in one of these states submits nothing more, and its runs are not tried again.
_OVER = ("FAILED", "CANCELED", "COMPLETED_SUCCESS", "COMPLETED_FAILED")
_SILENCE = 180.0  # seconds; a living daemon's heart beats every 30
_SHARDS_PER_SECOND = 200  # asked for at once: 10,000 shards are polled once in 50 s
_MUTATION = """\
mutation {{
  launchPartitionBackfill(backfillParams: {{
    assetSelection: [{assets}], partitionNames: {names}, title: {title}
  }}) {{
    __typename
    ... on LaunchBackfillSuccess {{ backfillId }}
    ... on PythonError {{ message }}
    ... on UnauthorizedError {{ message }}
  }}
}}
"""


@click.command("backfill")
@click.option("--assets", required=True, help="Asset names, comma-separated, or a first:last span.")
@click.option("--shards", "pattern", default="*", show_default=True, help="A glob.")
@click.option("--only-failed", is_flag=True, help="Only shards whose assets are not up to date.")
@click.option("--follow/--no-follow", default=True, help="Wait and summarise.")
@click.option("--timeout", default=86_400, show_default=True, help="Seconds to follow at most.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def backfill(
    assets: str, pattern: str, only_failed: bool, follow: bool, timeout: int, as_json: bool
) -> None:
    """Backfill assets of many shards, one run per shard, through the running daemon.

    Ctrl-C stops the following, not the backfill.

    Example: webscale backfill --assets raw_corpus:decontaminated_set --shards 'wikipedia-*'
    """
    walk = Walk.at_home()
    wanted = _assets(assets)
    names = shards.names(walk.lake, pattern)
    if not names:
        raise click.ClickException(f"no shard fits {pattern!r}; register some: webscale ingest")
    todo = [name for name in names if walk.stale(wanted, name)] if only_failed else names
    left: dict[str, str] = {}
    key = None
    if todo:
        instance = instance_at_home()
        sync_shards(instance, todo)
        _require_daemon(instance)
        key = launch(wanted, todo)
        if not as_json:
            console.print(f"backfill {key}: {len(todo)} shards, {', '.join(wanted)}")
        if follow:
            left = _follow(instance, key, todo, timeout)
    elif not as_json:
        console.print(f"nothing to do: {len(names)} shards are up to date")
    if as_json:
        console.print_json(data={"backfill": key, "shards": todo, "not_successful": left})
    elif todo and follow:
        _summarise(todo, left)
    if left:
        raise click.exceptions.Exit(1)


def _assets(spec: str) -> list[str]:
    sharded = [name for name in ORDER if name in SHARDED]
    first, colon, last = spec.partition(":")
    names = (
        sharded[sharded.index(first) : sharded.index(last) + 1]
        if (colon and first in sharded and last in sharded)
        else spec.split(",")
    )
    unknown = [name for name in names if name not in sharded]
    if unknown or not names:
        raise click.ClickException(f"{spec!r}: sharded assets are {', '.join(sharded)}")
    return names


def _require_daemon(instance: dg.DagsterInstance) -> None:
    """Without a daemon a backfill would wait for ever and look as if it worked."""
    if not _daemon_lives(instance):
        raise click.ClickException("the daemon is not running; start it with: webscale ui")


def _daemon_lives(instance: dg.DagsterInstance) -> bool:
    """Dagster itself calls a daemon healthy for half an hour after its last heartbeat."""
    beat = instance.get_daemon_statuses(["BACKFILL"])["BACKFILL"].last_heartbeat
    return beat is not None and time.time() - beat.timestamp < _SILENCE


def launch(assets: Sequence[str], names: Sequence[str]) -> str:
    """Submit an asset backfill for the home's daemon to pick up; returns its id.

    Through ``dagster-graphql``, Dagster's public door for it: no command line verb backfills
    assets. Files carry the question and the answer: ten thousand shards are too long for an
    argument, and the code server it starts writes to the same standard output.
    """
    query = _MUTATION.format(
        assets=", ".join(f"{{path: [{json.dumps(name)}]}}" for name in assets),
        names=json.dumps(list(names)),
        title=json.dumps(f"webscale backfill {','.join(assets)}"[:100]),
    )
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "query", Path(folder) / "answer"
        asked.write_text(query, encoding="utf-8")
        where = ["-w", str(prepare_dagster_home() / "workspace.yaml")]
        said = subprocess.run(
            [program("dagster-graphql"), *where, "--file", str(asked), "-o", str(answered)],
            capture_output=True,
            text=True,
            check=False,
        )
        answer = answered.read_text(encoding="utf-8") if answered.exists() else ""
    try:
        return str(json.loads(answer)["data"]["launchPartitionBackfill"]["backfillId"])
    except (ValueError, KeyError, TypeError):
        detail = (answer or said.stderr or said.stdout)[-600:]
        raise click.ClickException(f"Dagster refused the backfill: {detail}") from None


def _follow(
    instance: dg.DagsterInstance, key: str, names: Sequence[str], timeout: int
) -> dict[str, str]:
    """Wait until every shard's last run ended; returns those without success, and their state."""
    deadline = time.monotonic() + timeout
    last: dict[str, dg.DagsterRun] = {}
    ended: set[str] = set()
    with bars(len(names)) as display:
        while len(ended) < len(names) and time.monotonic() < deadline:
            time.sleep(2 + len(names) / _SHARDS_PER_SECOND)
            over = _is_over(instance, key)
            last = _last_runs(instance, key)
            for shard in sorted(set(last) - ended):
                if _has_ended(last[shard]):
                    ended.add(shard)
                    display.at(shard)
                    display.done()
            if over and all(run.is_finished for run in last.values()):
                break
            if not _daemon_lives(instance):
                errors.print("the daemon is silent; the backfill goes on when it runs again")
                break
    states = {s: last[s].status.value if s in last else "not started" for s in names}
    return {s: state for s, state in states.items() if state != _ENDED[0].value}


def _has_ended(run: dg.DagsterRun) -> bool:
    """True unless it goes on, or its worker died and the daemon is about to run it again."""
    return run.status in _ENDED and run.tags.get("dagster/will_retry") != "true"


def _is_over(instance: dg.DagsterInstance, key: str) -> bool:
    found = instance.get_backfill(key)
    return found is None or found.status.value in _OVER


def _last_runs(instance: dg.DagsterInstance, key: str) -> dict[str, dg.DagsterRun]:
    """Each shard's newest run of the backfill."""
    runs = instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": key}))
    newest: dict[str, dg.DagsterRun] = {}
    for run in reversed(runs):  # get_runs gives the newest first
        newest[run.tags["dagster/partition"]] = run
    return newest


def _summarise(names: Sequence[str], left: Mapping[str, str]) -> None:
    if left:
        console.print(table("Failed or unfinished", ["shard", "run"], list(left.items())))
    console.print(f"{len(names) - len(left)} of {len(names)} shards succeeded")
    if left:
        console.print("again, only these: webscale backfill … --only-failed")


COMMANDS = {"backfill": backfill}
