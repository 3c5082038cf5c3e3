"""Measures LLM clients side by side: requests per CPU second and peak memory of one process.

Each client is a program ``llm_client_*.py`` that runs in an environment of its own, made once below
``--envs`` with pip, and prints one JSON line (see ``run_client`` in ``llm_client_server.py``). All
talk to the one loopback server; rounds are interleaved (A, B, C, A, B, C, ...). Prints, for every
concurrency, the medians and how many times more requests per CPU second ours answers than each
peer; ``--json`` also writes every run to a file. A client that needs longer than ``--limit`` is
reported with what it had answered by then, start and first wave included.

    python benchmarks/llm_client.py --rounds 5 --concurrency 64 256 1024 --json runs.json
    python benchmarks/llm_client.py --only openai,curator --requests 400

CPU seconds are user + system, threads and finished children included, of the work alone: imports,
the interpreter's start and a first wave of as many requests as the concurrency are left out.
Peak RSS is of the whole process and grows with the requests of a run where a client holds them all.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
OURS = HERE.parent / ".venv" / "bin" / "python"
PROMPT_BYTES = 4300


@dataclass(frozen=True)
class Client:
    """A client program; without ``packages`` it runs in the repository's own environment."""

    name: str
    program: str
    requests: int
    arguments: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()  # packages whose versions the report names


OPENAI = ("openai[aiohttp]==3.57.0",)
CURATOR = ("bespokelabs-curator==0.1.31",)
OPENAI_SHOWN = ("openai", "httpx2", "aiohttp", "pydantic")
CURATOR_SHOWN = ("bespokelabs-curator", "litellm", "aiohttp", "pydantic", "datasets")
CLIENTS = (
    Client("ours", "llm_client_ours.py", 20_000, shown=("orjson", "pydantic", "uvloop")),
    Client("openai", "llm_client_openai.py", 1_000, (), OPENAI, OPENAI_SHOWN),
    Client("openai-aiohttp", "llm_client_openai.py", 1_500, ("--aiohttp",), OPENAI, OPENAI_SHOWN),
    Client("curator", "llm_client_curator.py", 1_500, (), CURATOR, CURATOR_SHOWN),
    Client("curator-tokens", "llm_client_curator.py", 1_500, ("--tokens",), CURATOR, CURATOR_SHOWN),
)
BY_DEFAULT = "ours,openai,openai-aiohttp,curator"


@dataclass(frozen=True)
class Run:
    """One run of a client; where ``finished`` is false, the figures are of the whole process."""

    client: str
    concurrency: int
    requests: int
    finished: bool
    answered: int
    valid: int
    cpu_s: float
    wall_s: float
    peak_rss_mb: float
    in_flight: int  # the most that the server saw at once
    server_cpu_s: float

    @property
    def rate(self) -> float:
        """Requests per CPU second."""
        return self.answered / self.cpu_s


def python_of(client: Client, folder: Path) -> Path:
    """The interpreter of a client's environment, which is made on first use."""
    if not client.packages:
        return OURS
    home = folder / client.packages[0].partition("[")[0].partition("=")[0]
    python, mark = home / "bin" / "python", home / "packages.txt"
    wanted = "\n".join(client.packages)
    if not mark.exists() or mark.read_text() != wanted:
        print(f"installing {wanted}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        pip = [str(python), "-m", "pip", "install", "-qq", *client.packages]
        subprocess.run(pip, check=True)
        mark.write_text(wanted)
    return python


def versions_of(python: Path, names: Sequence[str]) -> str:
    """Versions of installed packages."""
    code = (
        "import sys\nfrom importlib.metadata import PackageNotFoundError, version\n"
        "for name in sys.argv[1:]:\n"
        "    try: print(name, version(name))\n"
        "    except PackageNotFoundError: pass\n"
    )
    command = [str(python), "-c", code, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return ", ".join(done.stdout.splitlines())


@contextmanager
def serving() -> Iterator[str]:
    """A running server's URL."""
    command = [sys.executable, str(HERE / "llm_client_server.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())["url"]
        finally:
            server.terminate()


def take_counts(url: str) -> dict[str, Any]:
    """What the server has counted since the last call."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request("GET", "/stats")
        counts: dict[str, Any] = json.load(connection.getresponse())
        return counts
    finally:
        connection.close()


def wait_for(process: subprocess.Popen[bytes], limit: float) -> tuple[bool, float, float]:
    """Wait for a client, or end it at the limit: (finished, CPU seconds, peak RSS in MB)."""
    deadline = time.monotonic() + limit
    finished, options = True, os.WNOHANG
    while not (ended := os.wait4(process.pid, options))[0]:
        time.sleep(0.02)
        if time.monotonic() > deadline and finished:
            finished, options = False, 0
            os.killpg(process.pid, signal.SIGKILL)
    process.returncode = os.waitstatus_to_exitcode(ended[1])
    usage = ended[2]
    return finished, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def last_line(output: bytes) -> dict[str, Any]:
    """The client's JSON line; anything before it is the library's own."""
    lines = [line for line in output.splitlines() if line.startswith(b'{"answered"')]
    line: dict[str, Any] = json.loads(lines[-1])
    return line


def run_once(
    client: Client, python: Path, url: str, concurrency: int, requests: int, limit: float
) -> Run:
    """Run a client program once."""
    take_counts(url)
    command = [str(python), str(HERE / client.program), "--url", url, *client.arguments]
    command += ["--requests", str(requests), "--concurrency", str(concurrency)]
    command += ["--prompt-bytes", str(PROMPT_BYTES)]
    environment = os.environ | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, stdout=output, stderr=errors, env=environment, start_new_session=True
        )
        finished, cpu, rss = wait_for(process, limit)
        for file in (output, errors):
            file.seek(0)
        if process.returncode and finished:
            sys.exit(f"{client.name} failed:\n{errors.read().decode(errors='replace')[-3000:]}")
        counts = take_counts(url)
        line = {"answered": counts["served"], "valid": 0, "cpu_s": cpu, "wall_s": limit}
        line |= last_line(output.read()) if finished else {}
    return Run(
        client=client.name,
        concurrency=concurrency,
        requests=requests,
        finished=finished,
        peak_rss_mb=rss,
        in_flight=counts["peak"],
        server_cpu_s=counts["cpu_s"],
        **line,
    )


def run_all(
    clients: Sequence[Client], pythons: dict[str, Path], options: argparse.Namespace
) -> list[Run]:
    """All rounds; a client that hits the limit is left out of the rest of that concurrency."""
    runs: list[Run] = []
    with serving() as url:
        for concurrency in options.concurrency:
            slow: set[str] = set()
            for number in range(options.rounds):
                for client in clients:
                    if client.name in slow:
                        continue
                    requests = max(options.requests or client.requests, 2 * concurrency)
                    python = pythons[client.name]
                    run = run_once(client, python, url, concurrency, requests, options.limit)
                    runs.append(run)
                    slow |= set() if run.finished else {client.name}
                    print(f"round {number + 1} {run}", file=sys.stderr)
    return runs


def row_of(runs: Sequence[Run], ours: float | None) -> str:
    """A client's medians at one concurrency."""
    rates = [run.rate for run in runs]
    rate, memory = median(rates), median(run.peak_rss_mb for run in runs)
    ratio = f"{ours / rate:8.1f}" if ours else " " * 8
    row = f"{runs[0].client:<16}{rate:9.0f} {f'{min(rates):.0f}-{max(rates):.0f}':>15}"
    row += f"{1000 / rate:9.3f}{memory:9.0f}{median(run.wall_s for run in runs):8.1f}"
    row += f"{max(run.in_flight for run in runs):10}{ratio}"
    if not all(run.finished for run in runs):
        return f"{row}  over the limit, {runs[-1].answered} answered"
    lost = sum(run.requests - run.valid for run in runs)
    return f"{row}  {lost} without a valid reply" if lost else row


def report(runs: Sequence[Run]) -> None:
    """Print a table for every concurrency."""
    head = f"{'client':<16}{'req/CPU-s':>9} {'min-max':>15}{'ms/req':>9}{'RSS MB':>9}{'wall s':>8}"
    head += f"{'in flight':>10}{'ours/it':>8}"
    for concurrency in dict.fromkeys(run.concurrency for run in runs):
        here = [run for run in runs if run.concurrency == concurrency]
        rates = [run.rate for run in here if run.client == "ours"]
        print(f"\nconcurrency {concurrency}\n{head}")
        for name in dict.fromkeys(run.client for run in here):
            rows = [run for run in here if run.client == name]
            print(row_of(rows, median(rates) if rates else None))


def arguments_of(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument(
        "--requests",
        type=int,
        help="in a run, twice the concurrency at least; else each client's own",
    )
    parser.add_argument("--only", default=BY_DEFAULT, help="names, with commas between")
    parser.add_argument("--limit", type=float, default=120, help="seconds for a run")
    parser.add_argument("--envs", type=Path, default=Path(tempfile.gettempdir(), ".bench-envs"))
    parser.add_argument("--json", type=Path, help="write every run to this file")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> None:
    """Make environments, run, report."""
    options = arguments_of(arguments)
    names = options.only.split(",")
    if unknown := set(names) - {client.name for client in CLIENTS}:
        sys.exit(f"no such client: {', '.join(sorted(unknown))}")
    clients = [client for client in CLIENTS if client.name in names]
    pythons = {client.name: python_of(client, options.envs) for client in clients}
    versions = {c.name: versions_of(pythons[c.name], c.shown) for c in clients}
    machine: dict[str, Any] = {"cpus": os.cpu_count(), "python": platform.python_version()}
    machine |= {"system": platform.platform(), "load": os.getloadavg()[0]}
    runs = run_all(clients, pythons, options)
    print(json.dumps(machine))
    for name, shown in versions.items():
        print(f"{name}: {shown}")
    report(runs)
    if options.json:
        whole = {"machine": machine, "versions": versions, "runs": [asdict(run) for run in runs]}
        options.json.write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
