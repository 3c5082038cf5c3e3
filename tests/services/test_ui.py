"""``webscale ui`` in a browser: lineage, an asset's funnel and contract, runs; then it is gone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.services.homes import BIN, environment, wait_for, webscale
from webscale_dagster.cli.processes import answers
from webscale_dagster.walk import SHARDED

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.service,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore:::(dagster|pydantic)"),
]
CHROMIUM = Path("/usr/bin/chromium")
QUIET = [  # a root user, no GPU, and no calls home
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WALK = ["benchmarks", *SHARDED, "rl_splits", "dataset_release"]
SAMPLES = Path(__file__).parents[2] / "webscale_dagster" / "samples"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shards of the package's samples, walked to a release."""
    folder = tmp_path_factory.mktemp("ui")
    files = [str(SAMPLES / f"{name}.jsonl") for name in ("articles", "handbook", "web")]
    for file in files:
        assert webscale(folder, "ingest", file, "--name", Path(file).stem).returncode == 0
    done = webscale(folder, "run", "--recipe", "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(home: Path, port: int) -> subprocess.Popen[bytes]:
    with (home / "ui.log").open("ab") as log:
        ui = subprocess.Popen(
            [str(BIN / "webscale"), "ui", "--port", str(port)],
            env=environment(home),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_for(lambda: answers(port) or ui.poll() is not None, 180, "the web server answers")
        assert ui.poll() is None, (home / "ui.log").read_text(encoding="utf-8")[-2000:]
    except BaseException:
        os.kill(ui.pid, signal.SIGKILL)
        raise
    return ui


def processes_of(home: Path) -> dict[int, str]:
    """Whatever was started for this home and lives: they all inherit its environment."""
    mark = f"WEBSCALE_HOME={home}".encode()
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            state = (path / "stat").read_text().rpartition(")")[2].split()[0]
            if mark in (path / "environ").read_bytes().split(b"\0") and state != "Z":
                found[int(path.name)] = (path / "cmdline").read_text().replace("\0", " ")[:200]
        except OSError:
            continue
    return found


def test_stopping_leaves_no_process_behind(home: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("looks for processes under /proc")
    for how, seconds in ((signal.SIGINT, 40), (signal.SIGTERM, 40), (signal.SIGKILL, 60)):
        port = free_port()
        ui = start(home, port)
        try:
            groups = {os.getpgid(pid) for pid in processes_of(home)}
            assert len(groups) == 3, "webscale ui, web server and daemon with what they start"
            if how is signal.SIGINT:
                _refuses_a_second(home, port)
            os.kill(ui.pid, how)
            ui.wait(seconds)
            wait_for(lambda: not processes_of(home), seconds, f"all are gone after {how.name}")
            assert not answers(port)
        finally:
            for pid in processes_of(home):
                os.kill(pid, signal.SIGKILL)


def _refuses_a_second(home: Path, port: int) -> None:
    for asked, said in ((port, f"port {port} is taken"), (free_port(), "already; two daemons")):
        second = webscale(home, "ui", "--port", str(asked))
        assert second.returncode == 1 and said in second.stderr


@pytest.fixture(scope="module")
def page(home: Path) -> Iterator[Page]:
    """A browser on a running ``webscale ui``."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}; on Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    port = free_port()
    ui = start(home, port)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
            opened = browser.new_page(
                base_url=f"http://127.0.0.1:{port}", viewport={"width": 1600, "height": 1100}
            )
            opened.set_default_timeout(60_000)
            yield opened
            browser.close()
    finally:
        os.kill(ui.pid, signal.SIGTERM)
        ui.wait(60)


def shoot(page: Page, name: str) -> None:
    """A picture for people, where ``WEBSCALE_SCREENSHOTS`` names a folder."""
    folder = os.environ.get("WEBSCALE_SCREENSHOTS")
    if folder:
        time.sleep(1.5)  # animations end
        page.screenshot(path=f"{folder}/{name}.png")


def test_the_lineage_shows_the_walk(page: Page) -> None:
    page.goto("/asset-groups")
    page.get_by_text("questions").first.wait_for()
    shoot(page, "lineage_groups")
    # The whole graph draws only what fits the window: each asset is looked at on its own page.
    for name in WALK:
        page.goto(f"/assets/{name}?view=lineage")
        page.get_by_text(name, exact=True).first.wait_for(state="attached")
    shoot(page, "lineage")


def test_an_asset_shows_funnel_rejects_and_contract(page: Page) -> None:
    page.goto("/assets/filtered_docs?view=partitions&partition=web-00000")
    for key in ("funnel", "reject_reasons", "preview", "rows", "lake_version"):
        page.get_by_text(key, exact=True).first.wait_for()
    page.get_by_role("cell", name="near_duplicate", exact=True).first.wait_for()
    shoot(page, "filtered_docs_partition")
    page.goto("/assets/filtered_docs?view=overview")
    page.get_by_text("One row is a document worth asking about.").first.wait_for()
    page.get_by_text("post-training").first.wait_for()
    shoot(page, "filtered_docs_overview")
    page.goto("/assets/filtered_docs?view=checks&checkDetail=contract")
    page.get_by_text("Passed", exact=True).first.wait_for()
    page.get_by_text("language_wanted, length_wanted").first.wait_for()
    shoot(page, "filtered_docs_contract")


def test_the_runs_are_listed(page: Page) -> None:
    page.goto("/runs")
    for job in ("ingest", "generate", "assemble"):
        page.get_by_text(job, exact=True).first.wait_for()
    page.get_by_text("Success").first.wait_for()
    shoot(page, "runs")


def test_a_release_shows_its_gates(page: Page) -> None:
    page.goto("/assets/dataset_release?view=overview")
    page.get_by_text("enough_examples").first.wait_for()
    shoot(page, "dataset_release")
