"""The daemon at work: new files to a release by sensors alone, backfills, Dagster's own commands.

One daemon for the module. A run it launches costs about 12 CPU seconds, most of it imports: eight
shards take a minute or more on two cores. More of them: WEBSCALE_SHARDS.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tests.services.homes import command, instance, wait_for, webscale, write_shards
from webscale_dagster.lake import Lake

pytestmark = [
    pytest.mark.service,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:::(dagster|pydantic)"),
]
SHARDS = int(os.environ.get("WEBSCALE_SHARDS", "8"))  # the eighth is broken
RECIPE = """\
name = "small"
[dataset_release]
channel = "candidate"
min_examples = 1
min_domains = 1
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh home with a source that names an empty folder, and its daemon."""
    from webscale_dagster.cli.processes import daemon, running
    from webscale_dagster.cli.runs import instance_at_home

    folder = tmp_path_factory.mktemp("daemon")
    (folder / "sources").mkdir()
    (folder / "inbox").mkdir()
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    inbox = f'name = "inbox"\nuris = ["{folder}/inbox/*.jsonl"]\n'
    (folder / "sources" / "inbox.toml").write_text(inbox, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WEBSCALE_LAKE", "WEBSCALE_RECIPE", "WEBSCALE_BENCHMARKS"):
            patch.delenv(name, raising=False)
        patch.setenv("WEBSCALE_HOME", str(folder))
        patch.setenv("DAGSTER_HOME", str(folder / "dagster"))
        instance_at_home().dispose()  # makes the databases; the daemon and a look would clash
        with running([daemon()]):
            wait_for(lambda: _beats(folder), 120, "the daemon's first heartbeat")
            yield folder


def _beats(home: Path) -> bool:
    with instance(home) as opened:
        return opened.get_daemon_statuses(["BACKFILL"])["BACKFILL"].last_heartbeat is not None


def workspace(home: Path) -> list[str]:
    return ["-w", str(home / "dagster" / "workspace.yaml")]


def sensor(home: Path, verb: str, which: str) -> None:
    done = command(home, "dagster", "sensor", verb, which, *workspace(home))
    assert done.returncode == 0, done.stdout + done.stderr


def runs(home: Path, **filters: object) -> list[dg.DagsterRun]:
    with instance(home) as opened:
        return list(opened.get_runs(dg.RunsFilter(**filters)))  # type: ignore[arg-type]


def test_a_file_is_carried_to_a_release_by_the_sensors_alone(home: Path) -> None:
    sensor(home, "start", "--start-all")
    write_shards(home / "inbox", 1)
    channel = home / "lake" / "channels" / "candidate.json"
    took = wait_for(lambda: _succeeded(home, "assemble"), 300, "a run of job assemble")
    print(f"from file to release in {took:.0f} s")
    sensor(home, "stop", "advance")
    launched = Counter(run.job_name for run in runs(home))
    wanted = ("register", "index_benchmarks", "ingest", "generate", "assemble")
    assert launched == dict.fromkeys(wanted, 1)
    assert {run.status for run in runs(home)} == {dg.DagsterRunStatus.SUCCESS}
    release = json.loads(channel.read_text(encoding="utf-8"))["release"]
    manifest = home / "lake" / "releases" / release / "manifest.json"
    assert json.loads(manifest.read_text(encoding="utf-8"))["shards"] == ["inbox-00000"]
    made = partitions(home, "decontaminated_set")
    assert made == {"inbox-00000"}


def _succeeded(home: Path, job: str) -> bool:
    done = [dg.DagsterRunStatus.SUCCESS]
    return bool(runs(home, job_name=job, statuses=done))


def partitions(home: Path, asset: str) -> set[str]:
    with instance(home) as opened:
        return set(opened.get_materialized_partitions(dg.AssetKey(asset)))


def backfill(home: Path, *options: str) -> tuple[int, dict[str, object], list[dg.DagsterRun]]:
    """Exit code, what was printed, and the runs."""
    started = time.monotonic()
    span = ["--assets", "raw_corpus:near_duplicates", "--shards", "rivers-*"]
    done = webscale(home, "backfill", *span, "--json", *options)
    assert done.stdout, done.stderr
    said = json.loads(done.stdout)
    print(f"backfill of {len(said['shards'])} shards in {time.monotonic() - started:.0f} s")
    made = runs(home, tags={"dagster/backfill": str(said["backfill"])})
    return done.returncode, said, made


def test_a_backfill_of_many_shards(home: Path) -> None:
    write_shards(home / "rivers", SHARDS, first=100)
    assert webscale(home, "ingest", str(home / "rivers"), "--name", "rivers").returncode == 0
    names = [f"rivers-{number:05d}" for number in range(SHARDS)]
    changed = home / "rivers" / "107.jsonl"
    good = changed.read_bytes()
    changed.write_bytes(good.replace(b"Danube", b"Donau."))

    code, said, made = backfill(home)
    assert (code, said["not_successful"]) == (1, {"rivers-00007": "FAILURE"})
    assert sorted(run.tags["dagster/partition"] for run in made) == names
    good_names = set(names) - {"rivers-00007"}
    assert partitions(home, "near_duplicates") & set(names) == good_names
    assert Lake(str(home / "lake")).read("raw_corpus", "rivers-00007").collect().is_empty()
    (checked,) = [run for run in made if run.tags["dagster/partition"] == "rivers-00000"]
    kinds = Counter(events(home, checked))
    assert kinds["ASSET_CHECK_EVALUATION"] == kinds["ASSET_CHECK_EVALUATION_PLANNED"] == 2

    changed.write_bytes(good)
    code, said, made = backfill(home, "--only-failed")
    assert (code, said["shards"], said["not_successful"]) == (0, ["rivers-00007"], {})
    assert [run.tags["dagster/partition"] for run in made] == ["rivers-00007"]
    assert partitions(home, "near_duplicates") >= set(names)
    order = Lake(str(home / "lake")).read("shards").collect()["admitted"]
    assert sorted(order) == list(range(len(order)))  # each place is given once

    code, said, made = backfill(home, "--only-failed")
    assert (code, said["backfill"], said["shards"]) == (0, None, [])


def events(home: Path, run: dg.DagsterRun) -> list[str]:
    with instance(home) as opened:
        logs = opened.all_logs(run.run_id)
    return [str(log.get_dagster_event().event_type_value) for log in logs if log.is_dagster_event]


def test_dagster_backfills_a_job(home: Path) -> None:
    names = ["rivers-00002", "rivers-00003"]
    done = command(
        home, "dagster", "job", "backfill", *workspace(home), "-j", "ingest",
        "--partitions", ",".join(names), "--noprompt",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr

    def ended() -> bool:
        last = [run for run in runs(home, job_name="ingest") if run.tags.get("dagster/backfill")]
        return len(last) == 2 and all(run.is_finished for run in last)

    wait_for(ended, 180, "two runs of job ingest")
    last = runs(home, job_name="ingest")[:2]
    assert sorted(run.tags["dagster/partition"] for run in last) == names
    assert {run.status for run in last} == {dg.DagsterRunStatus.SUCCESS}


def test_dagster_materialises_a_partition(home: Path) -> None:
    done = command(
        home, "dagster", "asset", "materialize", "--select", "raw_corpus,near_duplicates",
        "--partition", "rivers-00004", "-m", "webscale_dagster.definitions",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert runs(home)[0].status is dg.DagsterRunStatus.SUCCESS
    assert "rivers-00004" in partitions(home, "near_duplicates")
