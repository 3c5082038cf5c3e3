"""The journal's copy in the lake: whole, found by the next host, safe from other attempts."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tests.llm.fakes import SHARD, STAGE
from webscale_dagster.llm import journal_copy
from webscale_dagster.llm.journal import Completion, Journal
from webscale_dagster.llm.journal_copy import JournalCopy
from webscale_dagster.objects import FolderObjects
from webscale_dagster.recipe import content_hash

PREFIX = f"journal/{STAGE}/{SHARD}/"
KEYS = [content_hash(str(number)) for number in range(200)]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_copy, "SECONDS", 0.05)


@pytest.fixture
def lake(tmp_path: Path) -> FolderObjects:
    return FolderObjects(str(tmp_path / "lake"))


def _add(journal: Journal, *numbers: int) -> None:
    journal.add([(KEYS[number], Completion(f"reply {number}")) for number in numbers])


def _known(journal: Journal) -> list[int]:
    found = [journal.get(key) for key in KEYS]
    known = [number for number, each in enumerate(found) if each is not None]
    assert all(found[number] == Completion(f"reply {number}") for number in known)
    return known


def _pieces(lake: FolderObjects) -> list[str]:
    return [key.removeprefix(PREFIX) for key in lake.keys(PREFIX)]


def _copied(lake: FolderObjects) -> list[bytes]:
    """All lines of all pieces."""
    pieces = [zstandard.decompress(lake.get(key) or b"") for key in lake.keys(PREFIX)]
    return b"".join(pieces).splitlines(keepends=True)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_replies_are_copied_while_the_attempt_runs(tmp_path: Path, lake: FolderObjects) -> None:
    with Journal(tmp_path / "a", STAGE, SHARD) as journal, JournalCopy(lake, journal, 1):
        _add(journal, 0, 1)
        _until(lambda: len(_pieces(lake)) == 1)
        _add(journal, 2)
        _until(lambda: len(_pieces(lake)) == 2)
        assert _pieces(lake) == ["00000001-000000.jsonl.zst", "00000001-000001.jsonl.zst"]
        _add(journal, 3)
    assert b"".join(_copied(lake)) == journal.path.read_bytes()


def test_the_next_host_gets_them_and_copies_only_what_is_new(
    tmp_path: Path, lake: FolderObjects
) -> None:
    with Journal(tmp_path / "a", STAGE, SHARD) as first, JournalCopy(lake, first, 1):
        _add(first, *range(10))
    with Journal(tmp_path / "b", STAGE, SHARD) as second:
        with JournalCopy(lake, second, 2):
            assert _known(second) == list(range(10))
            _add(second, 10)
        assert second.path.read_bytes().startswith(first.path.read_bytes())
    assert _pieces(lake) == ["00000001-000000.jsonl.zst", "00000002-000000.jsonl.zst"]
    assert len(_copied(lake)) == 11
    with Journal(tmp_path / "a", STAGE, SHARD) as third, JournalCopy(lake, third, 3):
        assert _known(third) == list(range(11))
    assert len(_pieces(lake)) == 2


def test_what_a_killed_attempt_had_not_copied_is_copied_by_the_next(
    tmp_path: Path, lake: FolderObjects
) -> None:
    with Journal(tmp_path / "a", STAGE, SHARD) as journal, JournalCopy(lake, journal, 1):
        _add(journal, 0, 1)
    with Journal(tmp_path / "a", STAGE, SHARD) as journal:
        _add(journal, 2, 3)  # and the kill came before the next piece
    with Journal(tmp_path / "a", STAGE, SHARD) as journal, JournalCopy(lake, journal, 2):
        pass
    assert set(journal.path.read_bytes().splitlines(keepends=True)) == set(_copied(lake))


def test_lines_that_were_copied_twice_do_not_hide_one_that_was_not(
    tmp_path: Path, lake: FolderObjects
) -> None:
    with Journal(tmp_path / "a", STAGE, SHARD) as journal, JournalCopy(lake, journal, 1):
        _add(journal, 0, 1)
    (piece,) = lake.keys(PREFIX)
    # The lake had taken the piece, its answer was lost, and the next try found the name taken.
    lake.put(f"{PREFIX}00000001-000001.jsonl.zst", lake.get(piece) or b"")
    with Journal(tmp_path / "a", STAGE, SHARD) as journal:
        _add(journal, 2)
    with Journal(tmp_path / "a", STAGE, SHARD) as journal, JournalCopy(lake, journal, 2):
        pass
    with Journal(tmp_path / "b", STAGE, SHARD) as other, JournalCopy(lake, other, 3):
        assert _known(other) == [0, 1, 2]


def test_an_attempt_that_was_overtaken_overwrites_nothing(
    tmp_path: Path, lake: FolderObjects
) -> None:
    with Journal(tmp_path / "a", STAGE, SHARD) as old, JournalCopy(lake, old, 1):
        _add(old, 0)
        _until(lambda: len(_pieces(lake)) == 1)
        with Journal(tmp_path / "b", STAGE, SHARD) as new, JournalCopy(lake, new, 2):
            assert _known(new) == [0]
            _add(new, 1)
            before = {key: lake.get(key) for key in lake.keys(PREFIX)}
            _add(old, 2)
            _until(lambda: any(key.startswith("00000001-000001") for key in _pieces(lake)))
            assert {key: lake.get(key) for key in before} == before
    with Journal(tmp_path / "c", STAGE, SHARD) as last, JournalCopy(lake, last, 3):
        assert _known(last) == [0, 1, 2]  # what the old one had paid for is there too


def test_a_name_that_is_taken_is_left_alone(tmp_path: Path, lake: FolderObjects) -> None:
    """Two attempts with one number cannot be; still, neither would lose a reply."""
    foreign = zstandard.compress(b"")
    with Journal(tmp_path / "a", STAGE, SHARD) as journal, JournalCopy(lake, journal, 1):
        lake.put(f"{PREFIX}00000001-000000.jsonl.zst", foreign)
        _add(journal, 0)
    assert lake.get(f"{PREFIX}00000001-000000.jsonl.zst") == foreign
    assert b"".join(_copied(lake)) == journal.path.read_bytes()


def test_many_pieces_become_one(
    tmp_path: Path, lake: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_copy, "SECONDS", 60.0)  # the thread is not to copy beside us
    with Journal(tmp_path / "a", STAGE, SHARD) as journal, JournalCopy(lake, journal, 1) as copy:
        for number in range(12):
            _add(journal, number)
            copy.copy()
        assert len(_pieces(lake)) >= 12
    assert len(_pieces(lake)) == 1
    assert b"".join(_copied(lake)) == journal.path.read_bytes()
    with Journal(tmp_path / "b", STAGE, SHARD) as other, JournalCopy(lake, other, 2):
        assert _known(other) == list(range(12))


def test_pieces_of_other_attempts_stay_when_many_become_one(
    tmp_path: Path, lake: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_copy, "SECONDS", 60.0)
    with Journal(tmp_path / "a", STAGE, SHARD) as journal, JournalCopy(lake, journal, 1):
        _add(journal, 0)
    with Journal(tmp_path / "a", STAGE, SHARD) as journal, JournalCopy(lake, journal, 2) as copy:
        for number in range(1, 12):
            _add(journal, number)
            copy.copy()
    first, second = _pieces(lake)
    assert first == "00000001-000000.jsonl.zst" and second.startswith("00000002-")
    with Journal(tmp_path / "a", STAGE, SHARD) as journal:
        _add(journal, 12)  # killed; and pieces hold more lines than the journal now
    with Journal(tmp_path / "a", STAGE, SHARD) as journal, JournalCopy(lake, journal, 3):
        pass
    with Journal(tmp_path / "b", STAGE, SHARD) as other, JournalCopy(lake, other, 4):
        assert _known(other) == list(range(13))


class Flaky(FolderObjects):
    """Fails at its first puts."""

    failures = 3

    def put_new(self, key: str, data: bytes) -> bool:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("no lake")
        return super().put_new(key, data)


def test_a_put_that_fails_breaks_nothing_and_is_tried_again(tmp_path: Path) -> None:
    lake = Flaky(str(tmp_path / "lake"))
    with Journal(tmp_path / "a", STAGE, SHARD) as journal, JournalCopy(lake, journal, 1) as copy:
        _add(journal, 0, 1)
        _until(lambda: isinstance(copy.error, ConnectionError))
        _add(journal, 2)
        _until(lambda: lake.failures == 0 and copy.error is None)
        _until(lambda: len(_copied(lake)) == 3)
        assert _known(journal) == [0, 1, 2]
    assert b"".join(_copied(lake)) == journal.path.read_bytes()


def test_a_piece_has_a_limit_and_ends_with_a_line(
    tmp_path: Path, lake: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_copy, "_PIECE", 400)
    with Journal(tmp_path / "a", STAGE, SHARD) as journal, JournalCopy(lake, journal, 1):
        _add(journal, *range(20))
    pieces = [zstandard.decompress(lake.get(key) or b"") for key in lake.keys(PREFIX)]
    assert len(pieces) > 5
    assert all(len(piece) <= 400 and piece.endswith(b"\n") for piece in pieces)
    assert b"".join(pieces) == journal.path.read_bytes()


def test_an_empty_journal_makes_no_piece(tmp_path: Path, lake: FolderObjects) -> None:
    with Journal(tmp_path / "a", STAGE, SHARD) as journal, JournalCopy(lake, journal, 1):
        time.sleep(0.15)
    assert _pieces(lake) == []
