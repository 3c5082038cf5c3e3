"""One lease per stage and shard: one holder at a time, whatever becomes of the one before."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.llm.fakes import SHARD, STAGE
from webscale_dagster.llm import lease as module
from webscale_dagster.llm.errors import LeaseLost
from webscale_dagster.llm.lease import Lease
from webscale_dagster.objects import FolderObjects

PREFIX = f"leases/{STAGE}/{SHARD}/"


@pytest.fixture
def lake(tmp_path: Path) -> FolderObjects:
    return FolderObjects(str(tmp_path / "lake"))


def _lease(
    lake: FolderObjects, where: str, ttl: float = 30.0, said: list[str] | None = None
) -> Lease:
    waiting = said.append if said is not None else lambda message: None
    return Lease(lake, STAGE, SHARD, Path(where), ttl=ttl, waiting=waiting)


def _state(lake: FolderObjects, number: int) -> dict[str, object]:
    data = lake.get(f"{PREFIX}{number:08d}.json")
    assert data is not None
    found: dict[str, object] = json.loads(data)
    return found


def _until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@contextmanager
def _taking(lease: Lease) -> Iterator[threading.Event]:
    """Another host that wants the lease, in a thread; it holds it until the block ends."""
    held, let_go = threading.Event(), threading.Event()

    def take() -> None:
        with lease:
            held.set()
            let_go.wait(30)

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield held
    finally:
        let_go.set()
        thread.join()


def _dead(lake: FolderObjects, number: int, holder: str = "elsewhere:/journal") -> None:
    state = {"holder": holder, "pid": 1, "beat": 0, "released": False}
    lake.put(f"{PREFIX}{number:08d}.json", json.dumps(state).encode())


def test_the_first_gets_number_one_and_leaves_it_released(lake: FolderObjects) -> None:
    with _lease(lake, "/a") as lease:
        lease.check()
        assert lease.number == 1
        assert list(lake.keys("leases/")) == [f"{PREFIX}00000001.json"]
        assert _state(lake, 1)["released"] is False
    assert _state(lake, 1)["released"] is True


def test_a_second_waits_and_gets_the_next_number_when_the_first_is_done(
    lake: FolderObjects,
) -> None:
    said: list[str] = []
    second = _lease(lake, "/b", 1.5, said)
    with _lease(lake, "/a", 1.5) as first, _taking(second) as held:
        assert not held.wait(2)  # longer than the time to live: the first renews
        first.check()
        first.__exit__(None, None, None)
        assert held.wait(10)
        assert second.number == 2
    assert len(said) == 1 and ":/a" in said[0] and STAGE in said[0]
    assert _state(lake, 2)["released"] is True


def test_a_released_lease_is_taken_at_once_and_old_ones_are_cleared(lake: FolderObjects) -> None:
    began = time.monotonic()
    for number in range(1, 6):
        with _lease(lake, f"/{number}") as lease:
            assert lease.number == number
    assert time.monotonic() - began < 10  # no time to live was waited for
    assert list(lake.keys(PREFIX)) == [f"{PREFIX}00000005.json"]


def test_whoever_holds_the_same_journals_lock_need_not_wait(lake: FolderObjects) -> None:
    """Its holder was killed: else it would still have the lock that we have."""
    killed = _lease(lake, "/the/journal").__enter__()
    killed._stop.set()
    began = time.monotonic()
    with _lease(lake, "/the/journal") as lease:
        assert lease.number == 2
    assert time.monotonic() - began < 15  # and not the 30 s of another's


def test_a_silent_holder_is_gone_after_the_time_to_live(lake: FolderObjects) -> None:
    _dead(lake, 7)
    said: list[str] = []
    began = time.monotonic()
    with _lease(lake, "/b", 0.4, said) as lease:
        waited = time.monotonic() - began
        assert lease.number == 8
    assert waited >= 0.4
    assert said == [f"{PREFIX} is held by elsewhere:/journal; waiting"]


def test_signs_of_life_are_measured_by_the_waiters_clock(
    lake: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder's clock is in no sign of life: its content just has to change."""
    clock, slept = [1e6], [0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds
        slept[0] += 1
        if slept[0] <= 50:  # so long it lives
            state = {"holder": "x:/y", "pid": 1, "beat": slept[0], "released": False}
            lake.put(f"{PREFIX}00000001.json", json.dumps(state).encode())

    _dead(lake, 1)
    lease = _lease(lake, "/b", 5.0)
    with monkeypatch.context() as patched:
        patched.setattr(module.time, "monotonic", lambda: clock[0])
        patched.setattr(module.time, "sleep", sleep)
        lease._await_end_of(1)
    seconds = clock[0] - 1e6
    assert 50 * 0.5 + 5.0 <= seconds <= 50 * 0.5 + 6.0


def test_a_holder_that_was_overtaken_stops_and_overwrites_nothing(lake: FolderObjects) -> None:
    with pytest.raises(LeaseLost, match="another attempt"), _lease(lake, "/a", 0.5) as lease:
        _dead(lake, 2)
        lake.delete(f"{PREFIX}00000001.json")
        _until(lambda: lease._lost)
        lease.check()
    assert list(lake.keys(PREFIX)) == [f"{PREFIX}00000002.json"]
    assert _state(lake, 2)["holder"] == "elsewhere:/journal"


def test_a_process_that_slept_looks_before_it_goes_on(
    lake: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Suspended for longer than the time to live: its thread has not renewed in between."""
    with _lease(lake, "/a", 1000.0) as lease:
        lease.check()
        _dead(lake, 2)
        lease.check()  # still fresh by its own clock
        lease._alive -= 501
        with pytest.raises(LeaseLost):
            lease.check()
    assert _state(lake, 2)["released"] is False


def test_a_process_that_slept_and_was_not_overtaken_goes_on(lake: FolderObjects) -> None:
    with _lease(lake, "/a", 1000.0) as lease:
        lease._alive -= 501
        lease.check()
        assert _state(lake, 1)["beat"] == 1
        assert time.monotonic() - lease._alive < 100


def test_while_the_lake_does_not_answer_nothing_more_is_asked(
    lake: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(key: str, data: bytes) -> None:
        raise ConnectionError("no lake")

    with _lease(lake, "/a", 0.5) as lease:
        with monkeypatch.context() as patched:
            patched.setattr(lake, "put", fails)
            lease._alive -= 0.3
            with pytest.raises(ConnectionError):
                lease.check()
            time.sleep(0.25)  # the thread has met it too, and goes on trying
        _until(lambda: time.monotonic() - lease._alive < 0.2)
        lease.check()


def test_a_race_has_one_winner_for_every_number(lake: FolderObjects) -> None:
    numbers: list[int] = []
    holders, most = 0, 0
    lock, start = threading.Lock(), threading.Barrier(8)

    def take(name: int) -> None:
        nonlocal holders, most
        start.wait()
        with _lease(lake, f"/{name}", 5.0) as lease:
            with lock:
                holders += 1
                most = max(most, holders)
                numbers.append(lease.number)
            lease.check()
            with lock:
                holders -= 1

    threads = [threading.Thread(target=take, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 9)) == numbers
    assert most == 1


def test_a_number_that_was_passed_meanwhile_is_given_back(
    lake: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We saw 1 released; before we took 2, others took and freed 2, took 3 and cleared 2."""
    with _lease(lake, "/a"):
        pass
    put_new, passed = lake.put_new, threading.Event()

    def late(key: str, data: bytes) -> bool:
        if not passed.is_set():
            passed.set()
            with _lease(lake, "/b"):
                pass
            _dead(lake, 3)
            for number in (1, 2):
                lake.delete(f"{PREFIX}{number:08d}.json")
        return put_new(key, data)

    monkeypatch.setattr(lake, "put_new", late)
    with _lease(lake, "/c", 0.3) as lease:
        assert lease.number == 4
    assert f"{PREFIX}00000002.json" not in set(lake.keys(PREFIX))


def test_stages_and_shards_have_leases_of_their_own(lake: FolderObjects) -> None:
    with (
        Lease(lake, "personas", "s-1", Path("/a")) as one,
        Lease(lake, "personas", "s-2", Path("/b")) as two,
        Lease(lake, "qa_pairs", "s-1", Path("/c")) as three,
        Lease(lake, "qa_pairs", "", Path("/d")) as four,
    ):
        assert {lease.number for lease in (one, two, three, four)} == {1}
    assert len(list(lake.keys("leases/"))) == 4
