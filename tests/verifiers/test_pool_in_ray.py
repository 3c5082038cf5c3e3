"""The pool inside Ray's actors.

Runs where the extra ``ray`` (300 MB) is installed:
uv pip install --python .venv/bin/python -e '.[ray]'
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from webscale_dagster.verifiers import verify

pytestmark = pytest.mark.service

JOBS = [("number", f"Answer: {number % 3}", "1") for number in range(600)]


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    ray = pytest.importorskip("ray")
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "150")  # it gives up early on a busy host
    here = Path(__file__).parent  # the actors' classes are imported from this file
    path = {"env_vars": {"PYTHONPATH": f"{here.parents[1]}{os.pathsep}{here}"}}
    ray.init(num_cpus=2, include_dashboard=False, runtime_env=path, log_to_driver=False)
    try:
        yield ray
    finally:
        ray.shutdown()


class Threaded:
    """An actor whose methods run in threads, as reward workers' do."""

    def many(self, jobs: list[tuple[str, str, str]]) -> list[str]:
        from webscale_dagster.verifiers.pool import Job, shared

        return [outcome.outcome for outcome in shared().verify_many([Job(*job) for job in jobs])]

    def one(self, *job: str) -> str:
        return verify(*job).outcome

    def workers(self) -> list[int]:
        listed = Path("/proc/self/task").glob("*/children")
        return [int(pid) for path in listed for pid in path.read_text().split()]


class Looped:
    """An actor with an event loop."""

    async def many(self, jobs: list[tuple[str, str, str]]) -> list[str]:
        from webscale_dagster.verifiers.pool import Job, shared

        found = await shared().averify_many([Job(*job) for job in jobs])
        return [outcome.outcome for outcome in found]


def test_actors_verify_and_leave_no_process_behind(ray: Any) -> None:
    wanted = [verify(*job).outcome for job in JOBS]
    actor = ray.remote(Threaded).options(max_concurrency=4).remote()
    assert ray.get([actor.many.remote(JOBS) for _ in range(4)]) == [wanted] * 4
    assert ray.get(actor.one.remote("math", r"\boxed{\frac{2}{4}}", "0.5")) == "correct"
    looped = ray.remote(Looped).remote()
    assert ray.get(looped.many.remote(JOBS)) == wanted
    workers = ray.get(actor.workers.remote())
    assert workers
    ray.kill(actor)
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
