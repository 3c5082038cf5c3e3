"""The journal: durable, found again, torn lines dropped, one holder at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.llm.fakes import STAGE, request
from webscale_dagster.llm.journal import Completion, Journal, request_key
from webscale_dagster.recipe import content_hash

KEYS = [content_hash(str(number)) for number in range(50)]
DONE = Completion("Grüße\n\x00", 5, 7, 3, 12.5, "length", 2, "tiny")


def _filled(folder: Path, *texts: str) -> Path:
    with Journal(folder, STAGE, "s") as journal:
        for key, text in zip(KEYS, texts, strict=False):
            journal.add([(key, Completion(text))])
    return journal.path


def _read(folder: Path, count: int, *, read_only: bool = True) -> list[str | None]:
    with Journal(folder, STAGE, "s", read_only=read_only) as journal:
        found = [journal.get(key) for key in KEYS[:count]]
        assert len(journal) == sum(each is not None for each in found)
    return [each and each.text for each in found]


def test_a_line_holds_key_and_completion_and_nothing_else(tmp_path: Path) -> None:
    with Journal(tmp_path, STAGE, "s-00001") as journal:
        journal.add([(KEYS[0], DONE)])
        assert journal.path == tmp_path / STAGE / "s-00001.jsonl"
    (line,) = journal.path.read_bytes().splitlines(keepends=True)
    assert line.endswith(b"\n")
    assert orjson.loads(line) == {
        "key": KEYS[0],
        "text": "Grüße\n\x00",
        "tokens_in": 5,
        "tokens_out": 7,
        "cached_tokens": 3,
        "latency_ms": 12.5,
        "finish_reason": "length",
        "attempts": 2,
        "model": "tiny",
    }


def test_a_reply_is_on_disk_when_add_returns_and_found_by_the_next(tmp_path: Path) -> None:
    with Journal(tmp_path, STAGE, "s") as journal:
        journal.add([(KEYS[0], DONE), (KEYS[1], Completion("b"))])
        assert journal.path.stat().st_size == journal.size
        assert journal.get(KEYS[0]) == DONE
        assert journal.get(KEYS[2]) is None
    with Journal(tmp_path, STAGE, "s") as again:
        assert again.get(KEYS[0]) == DONE
        assert len(again) == 2


def test_one_fsync_makes_many_replies_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    with Journal(tmp_path, STAGE, "s") as journal:
        monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_size))
        journal.add([(key, Completion("x")) for key in KEYS])
        journal.add([])
    assert synced == [journal.path.stat().st_size]


def test_a_line_of_before_a_field_existed_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / STAGE / "s.jsonl"
    path.parent.mkdir()
    path.write_bytes(orjson.dumps({"key": KEYS[0], "text": "old"}) + b"\n")
    assert _read(tmp_path, 1, read_only=False) == ["old"]


@pytest.mark.parametrize("cut", [1, 9, 60])
def test_a_torn_last_line_is_cut_off_and_the_file_goes_on(tmp_path: Path, cut: int) -> None:
    path = _filled(tmp_path, "a", "b")
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert _read(tmp_path, 2, read_only=False) == ["a", None]
    with Journal(tmp_path, STAGE, "s") as journal:
        journal.add([(KEYS[1], Completion("b"))])
    assert path.read_bytes() == whole


def test_zeros_that_a_power_cut_left_are_cut_off(tmp_path: Path) -> None:
    path = _filled(tmp_path, "a", "b")
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(4096))
    assert _read(tmp_path, 2, read_only=False) == ["a", "b"]
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "garbage",
    [
        b"{half a line\n",
        b"\n",
        b"5\n",
        b'"text"\n',
        b"[1]\n",
        b"null\n",
        b'{"text": "no key"}\n',
        b'{"key": "no hex", "text": "x"}\n',
        b'{"key": 5, "text": "x"}\n',
        b'{"key": "00", "text": "x", "of_a_later_version": 1}\n',
        b"\xff\xfe\x00\n",
    ],
)
def test_a_damaged_line_costs_no_other(tmp_path: Path, garbage: bytes) -> None:
    path = _filled(tmp_path, "a", "b", "c")
    first, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + garbage + b"".join(rest))
    for read_only in (True, False, True):
        assert _read(tmp_path, 3, read_only=read_only) == ["a", "b", "c"]
    with Journal(tmp_path, STAGE, "s") as journal:
        journal.add([(KEYS[3], Completion("d"))])
    assert _read(tmp_path, 4) == ["a", "b", "c", "d"]
    assert path.read_bytes().startswith(first + garbage)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), max_size=20))
@settings(max_examples=30, deadline=None)
def test_any_text_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    _filled(folder, *texts)
    assert _read(folder, len(texts)) == texts


def _full_disk(room: int) -> Callable[[int, memoryview], int]:
    """``os.write`` on a disk with so many bytes left."""
    left, write = room, os.write

    def limited(fd: int, data: memoryview) -> int:
        nonlocal left
        if not left:
            raise OSError(28, "No space left on device")
        written = write(fd, data[:left])
        left -= written
        return written

    return limited


@pytest.mark.parametrize("room", [0, 1, 70, 150, 200])
def test_a_full_disk_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    with Journal(tmp_path, STAGE, "s") as journal:
        journal.add([(KEYS[0], Completion("a"))])
        before = journal.path.read_bytes()
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", _full_disk(room))
            with pytest.raises(OSError, match="No space"):
                journal.add([(KEYS[1], Completion("b")), (KEYS[2], Completion("c"))])
        assert journal.path.read_bytes() == before
        assert journal.get(KEYS[1]) is None
        assert journal.size == len(before)
        journal.add([(KEYS[3], Completion("d"))])  # somebody has made room
        assert journal.get(KEYS[3]) == Completion("d")
    assert _read(tmp_path, 4) == ["a", None, None, "d"]


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:7]))
    _filled(tmp_path, "a" * 100, "b")
    assert _read(tmp_path, 2) == ["a" * 100, "b"]


def test_merge_takes_what_is_missing_once(tmp_path: Path) -> None:
    other = _filled(tmp_path / "other", "a", "b", "c").read_bytes()
    _filled(tmp_path / "mine", "mine")
    with Journal(tmp_path / "mine", STAGE, "s") as journal:
        keys = {bytes.fromhex(key) for key in KEYS[:3]}
        assert journal.merge(other + other) == keys
        size = journal.size
        assert journal.merge(other + b"garbage\n[]\n") == keys
        assert journal.size == size == journal.path.stat().st_size
        assert journal.merge(b"") == set()
    assert journal.path.read_bytes().count(b"\n") == 3
    assert _read(tmp_path / "mine", 3) == ["mine", "b", "c"]


def test_read_gives_the_durable_bytes_from_a_place_on(tmp_path: Path) -> None:
    path = _filled(tmp_path, "a", "b")
    with Journal(tmp_path, STAGE, "s") as journal:
        assert journal.read(0) == path.read_bytes()
        place = path.read_bytes().index(b"\n") + 1
        assert journal.read(place) == path.read_bytes()[place:]
        assert journal.read(journal.size) == b""


def test_to_read_only_makes_cuts_and_locks_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path, STAGE, "s", read_only=True) as journal:
        assert journal.get(KEYS[0]) is None and len(journal) == 0
    assert list(tmp_path.iterdir()) == []
    path = _filled(tmp_path, "a", "b")
    torn = path.read_bytes()[:-5]
    path.write_bytes(torn)
    with Journal(tmp_path, STAGE, "s", read_only=True) as reading:
        assert reading.get(KEYS[0]) == Completion("a")
        assert path.read_bytes() == torn
        assert _lock_is_free(path)
        with Journal(tmp_path, STAGE, "s") as writing:  # would wait for ever were it locked
            assert not _lock_is_free(path)
            writing.add([(KEYS[1], Completion("b"))])
        assert reading.get(KEYS[0]) == Completion("a")


def _lock_is_free(path: Path) -> bool:
    import fcntl

    fd = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(fd)


def test_a_stage_without_shards_has_a_file_too(tmp_path: Path) -> None:
    with Journal(tmp_path, STAGE, "") as journal:
        journal.add([(KEYS[0], Completion("a"))])
    assert [path.name for path in (tmp_path / STAGE).iterdir()] == ["-.jsonl"]


def test_the_key_is_made_of_all_that_decides_a_reply() -> None:
    base = request("a")
    others = [
        replace(base, temperature=0.5),
        replace(base, max_tokens=9),
        replace(base, seed=1),
        replace(base, reply=None),
        request("b"),
        replace(base, messages=({"role": "system", "content": "a"},)),
        replace(base, messages=(*base.messages, *base.messages)),
    ]
    keys = {request_key("m", each) for each in [base, *others]}
    assert len(keys | {request_key("other", base)}) == 9
    same = replace(base, row_id="x", stage="x", variables={"x": 1}, prompt_version="x")
    assert request_key("m", same) == request_key("m", base)


HOLD = """
import pathlib, sys, time
from webscale_dagster.llm.journal import Journal
with Journal(pathlib.Path(sys.argv[1]), "stage", "s-00000"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.timeout(60)
def test_a_second_holder_waits_until_the_first_is_dead(tmp_path: Path) -> None:
    held = threading.Event()

    def retry() -> None:
        with Journal(tmp_path, "stage", "s-00000"):
            held.set()

    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as orphan:
        assert orphan.stdout is not None and orphan.stdout.readline() == "held\n"
        waiter = threading.Thread(target=retry)
        waiter.start()
        try:
            assert not held.wait(0.5)
        finally:
            orphan.kill()  # whoever dies, however it dies, frees the journal
        assert held.wait(30)
        waiter.join()
