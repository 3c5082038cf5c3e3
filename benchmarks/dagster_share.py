"""What Dagster and the lake cost: CPU seconds a shard of `webscale run`, and of a daemon's run.

Splits the package's samples into small shards, makes homes in a temporary folder and walks them
with the extractive backend, first one shard, then several. What a shard costs is the slope between
the two; the platform's share of it is the slope without the stages' own work on texts. What is
left is the fixed cost of a start. Then a daemon (without a web server, so nothing listens on a
port) gets a backfill with one run per shard, and the processes it launches are watched.
CPU seconds are user + system of a process, its threads and its finished children.

    python benchmarks/dagster_share.py [--shards 8] [--documents 15] [--runs 3] [--no-daemon]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from statistics import median

from dagster_share_inside import STAGES

INSIDE = Path(__file__).with_name("dagster_share_inside.py")
LAST = "difficulty"  # the last table of a shard; what comes after is made once for all shards
PER_SHARD, PER_LAUNCHED_RUN = 1.5, 15.0  # CPU seconds, the goals
OTHERS = "small-*[1-9]"
_TICK = os.sysconf("SC_CLK_TCK")


def environment(home: Path) -> dict[str, str]:
    """This process's, without what names another home."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WEBSCALE_", "DAGSTER_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # else every process compiles Dagster anew
    return kept | {"WEBSCALE_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "1"}


def webscale(home: Path, *arguments: str) -> None:
    """One command in the home, to its end."""
    program = Path(sys.executable).with_name("webscale")
    done = subprocess.run(
        [str(program), *arguments], env=environment(home), capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"webscale {' '.join(arguments)}: {done.stdout}{done.stderr}")


def make_home(folder: Path, n_shards: int, n_documents: int) -> Path:
    """A home with so many registered shards of the package's sample documents."""
    home = folder / f"home-{time.monotonic_ns()}"
    corpus = home / "corpus"
    corpus.mkdir(parents=True)
    packaged = Path(str(resources.files("webscale_dagster") / "samples"))
    rows = [
        line
        for name in ("articles", "handbook")
        for line in (packaged / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    if n_shards * n_documents > len(rows):
        sys.exit(f"the samples have {len(rows)} documents")
    for shard in range(n_shards):
        mine = rows[shard :: len(rows) // n_documents][:n_documents]
        (corpus / f"{shard:03d}.jsonl").write_text("\n".join(mine) + "\n", encoding="utf-8")
    webscale(home, "ingest", str(corpus), "--name", "small")
    return home


def run_here(home: Path) -> tuple[float, Counter[str]]:
    """CPU seconds of one ``webscale run``: all of it, and by cost centre."""
    out = home / "seconds.json"
    command = [sys.executable, str(INSIDE), str(out), "run", "--to", LAST]
    with (home / "run.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment(home), stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit((home / "run.log").read_text(encoding="utf-8"))
    seconds = json.loads(out.read_text(encoding="utf-8"))
    return used.ru_utime + used.ru_stime, Counter(seconds)


def show_runs(folder: Path, options: argparse.Namespace) -> None:
    """The table of ``webscale run``: a start, a shard, and a shard by cost centre."""
    totals: dict[int, list[float]] = {1: [], options.shards: []}
    centres: dict[int, list[Counter[str]]] = {1: [], options.shards: []}
    again: list[float] = []
    for _ in range(options.runs):
        for n_shards in totals:
            home = make_home(folder, n_shards, options.documents)
            total, by_centre = run_here(home)
            totals[n_shards].append(total)
            centres[n_shards].append(by_centre)
            if n_shards > 1:
                again.append(run_here(home)[0])
            shutil.rmtree(home)
    steps = options.shards - 1
    names = {name for found in centres.values() for counter in found for name in counter}

    def slope(name: str) -> float:
        few, many = (median([c[name] for c in centres[n]]) for n in (1, options.shards))
        return (many - few) / steps

    one, many = median(totals[1]), median(totals[options.shards])
    shard, text = (many - one) / steps, slope(STAGES)
    print(
        f"webscale run, shards of {options.documents} documents; CPU-s, medians of {options.runs}"
    )
    print(
        f"  1 shard {one:.2f}, {options.shards} shards {many:.2f}; "
        f"nothing to do {median(again):.2f}"
    )
    print(f"  a start {one - shard:.2f}; a shard {shard:.2f}, of which the stages' work {text:.2f}")
    print(f"  Dagster and the lake: {shard - text:.2f} a shard (goal {PER_SHARD})\n")
    for name in sorted(names, key=slope, reverse=True):
        print(f"  {name:32}{slope(name):7.3f} a shard")


def _processes() -> Iterator[tuple[int, int, str, float]]:
    """Process id, its parent's, its command and its CPU seconds; a zombie still has them."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError):
                continue
            spent = sum(int(field) for field in fields[11:15]) / _TICK
            yield int(folder.name), int(fields[1]), command, spent


class Watch:
    """CPU seconds of every descendant of a process, as last seen."""

    def __init__(self, root: int) -> None:
        """Watch the descendants of ``root``."""
        self.spent: dict[int, float] = {}
        self.command: dict[int, str] = {}
        self._family = {root}

    def look(self) -> None:
        """Note what they have spent until now."""
        for pid, parent, command, spent in sorted(_processes()):
            if pid in self._family or parent in self._family:
                self._family.add(pid)
                self.spent[pid] = max(spent, self.spent.get(pid, 0.0))
                if command.strip():
                    self.command[pid] = command


@contextmanager
def daemon(home: Path) -> Iterator[int]:
    """The home's daemon as ``webscale ui`` starts it, and what it writes; gives its process id."""
    folder = home / "dagster"
    program = str(Path(sys.executable).with_name("dagster-daemon"))
    command = [program, "run", "-w", str(folder / "workspace.yaml")]
    given = environment(home) | {"DAGSTER_HOME": str(folder)}
    with (home / "daemon.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=given, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # its code server and its runs are of its group
        process.wait(60)


def backfill(home: Path, assets: str, watch: Watch) -> list[float]:
    """CPU seconds of the processes of a backfill's runs: of all shards but the first."""
    before = set(watch.command)
    program = Path(sys.executable).with_name("webscale")
    command = [str(program), "backfill", "--assets", assets, "--shards", OTHERS, "--json"]
    with (home / "backfill.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment(home), stdout=log, stderr=log)
        while process.poll() is None:
            watch.look()
            time.sleep(0.02)
        for _ in range(100):  # the last run says that it succeeded before its process ends
            watch.look()
            time.sleep(0.02)
    if process.returncode:
        sys.exit((home / "backfill.log").read_text(encoding="utf-8"))
    new = {pid: said for pid, said in watch.command.items() if pid not in before}
    return [watch.spent[pid] for pid, said in new.items() if "spawn_main" in said]


def show_launched(folder: Path, options: argparse.Namespace) -> None:
    """The table of runs that the daemon launches, one per shard."""
    home = make_home(folder, options.launched + 1, options.documents)
    # Makes the databases, which two processes at once would clash over, and the benchmarks' index.
    webscale(home, "run", "--shards", "small-00000", "--to", LAST)
    with daemon(home) as root:
        wait_for_heartbeat(home)
        watch = Watch(root)
        print("\nruns that the daemon launches; CPU-s of the run's process")
        for assets in ("raw_corpus:near_duplicates", f"filtered_docs:{LAST}"):
            spent = backfill(home, assets, watch)
            print(
                f"  {assets:34}{median(spent):7.2f} median, {max(spent):.2f} most, "
                f"{len(spent)} runs (goal {PER_LAUNCHED_RUN:.0f})"
            )


def wait_for_heartbeat(home: Path) -> None:
    """Until the daemon is up."""
    import dagster as dg

    for _ in range(240):
        with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
            if instance.get_daemon_statuses(["BACKFILL"])["BACKFILL"].last_heartbeat is not None:
                return
        time.sleep(0.5)
    sys.exit("the daemon did not start")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--documents", type=int, default=15, help="of a shard")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--launched", type=int, default=3, help="runs that the daemon launches")
    parser.add_argument("--no-daemon", action="store_true")
    options = parser.parse_args(arguments)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
    with tempfile.TemporaryDirectory() as folder:
        show_runs(Path(folder), options)
        if not options.no_daemon:
            show_launched(Path(folder), options)


if __name__ == "__main__":
    main()
