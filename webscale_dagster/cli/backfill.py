"""``webscale backfill``: launches a backfill through the running daemon, and follows it.

One run per shard. Dagster judges a backfill by its last attempt; this command judges it by its
shards, and asks again only for those that failed.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence

import click
import dagster as dg

from webscale_dagster import shards
from webscale_dagster.cli.console import bars, console, table
from webscale_dagster.cli.processes import program
from webscale_dagster.cli.runs import ORDER, instance_at_home
from webscale_dagster.defs.partitions import sync_shards
from webscale_dagster.home import prepare_dagster_home
from webscale_dagster.walk import SHARDED, Walk

_ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
_MUTATION = """
mutation Launch($backfill: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfill) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
    ... on UnauthorizedError { message }
  }
}
"""


@click.command("backfill")
@click.option("--assets", required=True, help="Asset names, comma-separated, or a first:last span.")
@click.option("--shards", "pattern", default="*", show_default=True, help="A glob.")
@click.option("--only-failed", is_flag=True, help="Only shards whose assets are not up to date.")
@click.option("--follow/--no-follow", default=True, help="Wait and summarise.")
@click.option("--timeout", default=86_400, show_default=True, help="Seconds to follow at most.")
def backfill(assets: str, pattern: str, only_failed: bool, follow: bool, timeout: int) -> None:
    """Backfill assets of many shards, one run per shard, through the running daemon.

    Example: webscale backfill --assets raw_corpus:decontaminated_set --shards 'wikipedia-*'
    """
    walk = Walk.at_home()
    wanted = _assets(assets)
    names = shards.names(walk.lake, pattern)
    if only_failed:
        names = [name for name in names if walk.stale(wanted, name)]
    if not names:
        raise click.ClickException(f"no shard to do for {pattern!r}")
    instance = instance_at_home()
    sync_shards(instance, names)
    _require_daemon(instance)
    key = launch(wanted, names)
    console.print(f"backfill {key}: {len(names)} shards, {', '.join(wanted)}")
    if follow and not _follow(instance, key, names, timeout):
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
    if not instance.get_daemon_statuses(["BACKFILL"])["BACKFILL"].healthy:
        raise click.ClickException("the daemon is not running; start it with: webscale ui")


def launch(assets: Sequence[str], names: Sequence[str]) -> str:
    """Submit an asset backfill for the home's daemon to pick up; returns its id.

    Through ``dagster-graphql``, Dagster's public door for it: no command line verb honours an
    asset's backfill policy.
    """
    variables = {
        "assetSelection": [{"path": [name]} for name in assets],
        "partitionNames": list(names),
        "title": f"webscale backfill {','.join(assets)}"[:100],
    }
    said = subprocess.run(
        [
            program("dagster-graphql"),
            *("-w", str(prepare_dagster_home() / "workspace.yaml")),
            *("-t", _MUTATION, "-v", json.dumps({"backfill": variables})),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        reply = json.loads(said.stdout[said.stdout.index("{") :])["data"]["launchPartitionBackfill"]
        return str(reply["backfillId"])
    except (ValueError, KeyError, TypeError):
        detail = (said.stdout or said.stderr)[-600:]
        raise click.ClickException(f"Dagster refused the backfill: {detail}") from None


def _follow(instance: dg.DagsterInstance, key: str, names: Sequence[str], timeout: int) -> bool:
    """Wait until every shard's last run ended; say which failed."""
    deadline = time.monotonic() + timeout
    last: dict[str, dg.DagsterRun] = {}
    with bars(len(names)) as display:
        ended: set[str] = set()
        while time.monotonic() < deadline and len(ended) < len(names):
            time.sleep(2)
            last = _last_runs(instance, key)
            for shard, run in last.items():
                if run.status in _ENDED and shard not in ended:
                    ended.add(shard)
                    display.at(shard)
                    display.done()
    failed = [s for s in names if s not in last or last[s].status is not _ENDED[0]]
    rows = [
        (shard, last[shard].status.value if shard in last else "not started") for shard in failed
    ]
    if failed:
        console.print(table("Failed or unfinished", ["shard", "run"], rows))
    console.print(f"{len(names) - len(failed)} of {len(names)} shards succeeded")
    if failed:
        console.print("again, only these: webscale backfill … --only-failed")
    return not failed


def _last_runs(instance: dg.DagsterInstance, key: str) -> dict[str, dg.DagsterRun]:
    """Each shard's newest run of the backfill."""
    runs = instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": key}))
    newest: dict[str, dg.DagsterRun] = {}
    for run in reversed(runs):  # get_runs gives the newest first
        newest[run.tags["dagster/partition"]] = run
    return newest


COMMANDS = {"backfill": backfill}
