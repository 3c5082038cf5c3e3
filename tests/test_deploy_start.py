"""What the containers meet at start: an S3 server worth trusting, and a Postgres for Dagster."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
POSTGRES = Path("/usr/lib/postgresql/15/bin")


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


class FakeS3:
    """Create-once as a good server does it, or as one that lets ``winners`` writers through."""

    def __init__(self, winners: int) -> None:
        self.free = list(range(winners))
        self.deleted: list[str] = []

    def head_bucket(self, **_: str) -> None:
        return None

    def put_object(self, **_: object) -> None:
        from botocore.exceptions import ClientError

        try:
            self.free.pop()
        except IndexError:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject") from None

    def delete_object(self, **names: str) -> None:
        self.deleted.append(f"{names['Bucket']}/{names['Key']}")


@pytest.fixture
def prepare_bucket(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "deploy")
    return importlib.import_module("prepare_bucket")


@pytest.mark.parametrize(("winners", "code"), [(1, 0), (2, 1), (16, 1)])
def test_a_server_that_lets_two_writers_win_is_refused(
    prepare_bucket: ModuleType, monkeypatch: pytest.MonkeyPatch, winners: int, code: int
) -> None:
    fake = FakeS3(winners)
    monkeypatch.setenv("WEBSCALE_LAKE", "s3://b/lake")
    monkeypatch.setattr("webscale_dagster.objects.s3_client", lambda: fake)
    assert prepare_bucket.main() == code
    assert len(fake.deleted) == 1 and fake.deleted[0].startswith("b/lake/_probe/")


def test_wrong_keys_give_one_clear_line(
    prepare_bucket: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Refusing(FakeS3):
        def head_bucket(self, **_: str) -> None:
            from botocore.exceptions import ClientError

            raise ClientError({"Error": {"Code": "403"}}, "HeadBucket")

    monkeypatch.setenv("WEBSCALE_LAKE", "s3://b/lake")
    monkeypatch.setattr("webscale_dagster.objects.s3_client", lambda: Refusing(1))
    assert prepare_bucket.main() == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "AWS_ACCESS_KEY_ID" in error


def test_a_folder_needs_no_bucket(
    prepare_bucket: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBSCALE_LAKE", "/data/lake")
    assert prepare_bucket.main() == 0


@pytest.fixture
def postgres() -> Iterator[dict[str, str]]:
    """A real Postgres on loopback with a password, run by its own user, stopped by its pid."""
    if not (POSTGRES / "initdb").exists():
        pytest.skip(f"no PostgreSQL 15 under {POSTGRES}")
    base = Path(tempfile.mkdtemp(prefix="webscale-pg-"))
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    as_postgres = user if os.geteuid() == 0 else []
    (base / "password").write_text("only-for-this-test")
    if as_postgres:
        for path in (base, base / "password"):
            shutil.chown(path, "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    data = base / "data"
    initdb = [POSTGRES / "initdb", "-D", data, "-U", "dagster", "--auth=scram-sha-256"]
    options = f"-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories={base}"
    start = [POSTGRES / "pg_ctl", "-D", data, "-l", base / "log", "-o", options, "-w", "start"]
    settings = {
        "POSTGRES_HOST": "127.0.0.1",
        "POSTGRES_PORT": port,
        "POSTGRES_USER": "dagster",
        "POSTGRES_PASSWORD": "only-for-this-test",
        "POSTGRES_DB": "postgres",
    }
    try:
        for command in ([*initdb, f"--pwfile={base / 'password'}", "--no-sync"], start):
            done = subprocess.run(
                [*as_postgres, *map(str, command)],
                cwd=base, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
        yield settings
    finally:
        stop(data / "postmaster.pid")
        shutil.rmtree(base)


def stop(pidfile: Path) -> None:
    if not pidfile.exists():
        return
    pid = int(pidfile.read_text().splitlines()[0])
    os.kill(pid, signal.SIGINT)  # fast shutdown
    for _ in range(100):
        if not pidfile.exists():
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGQUIT)


INSPECT = """
import json, dagster
with dagster.DagsterInstance.get() as instance:
    print(json.dumps({
        "runs": type(instance.run_storage).__name__,
        "events": type(instance.event_log_storage).__name__,
        "schedules": type(instance.schedule_storage).__name__,
        "retries": [instance.run_retries_enabled, instance.run_retries_max_retries],
        "monitoring": [instance.run_monitoring_start_timeout_seconds,
                       instance.run_monitoring_max_resume_run_attempts],
        "telemetry": instance.telemetry_enabled,
        "storage": instance.storage_directory(),
        "admission": instance.event_log_storage.get_concurrency_info("admission").slot_count,
    }))
"""


@pytest.mark.service
def test_dagster_opens_its_instance_on_a_real_postgres(
    postgres: dict[str, str], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(ROOT / "deploy/dagster.yaml", home)
    environment = {
        **postgres,
        "DAGSTER_HOME": str(home),
        "DAGSTER_STORAGE_DIR": str(tmp_path / "storage"),
    }
    dagster = (sys.executable, "-m", "dagster", "instance")
    for arguments in (("migrate",), ("concurrency", "set", "admission", "1")):
        done = run(*dagster, *arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
    shown = run(sys.executable, "-c", INSPECT, **environment)
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout.splitlines()[-1]) == {
        "runs": "PostgresRunStorage",
        "events": "PostgresEventLogStorage",
        "schedules": "PostgresScheduleStorage",
        "retries": [True, 2],
        "monitoring": [300, 0],
        "telemetry": False,
        "storage": str(tmp_path / "storage" / "storage"),
        "admission": 1,
    }
    wrong = run(*dagster, "migrate", **{**environment, "POSTGRES_PASSWORD": "wrong"})
    assert wrong.returncode != 0
