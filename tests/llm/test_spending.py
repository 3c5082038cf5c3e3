"""What a home has spent: the sum of its journals, and the guard that stops before too much."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.llm.fakes import CHOICE, request
from webscale_dagster.llm import spending
from webscale_dagster.llm.journal import Completion, Journal
from webscale_dagster.llm.spending import Guard, Spending, Spent
from webscale_dagster.models import Budget, ModelChoice, Price
from webscale_dagster.recipe import Recipe, content_hash

PRICES = {
    "tiny": Price(tokens_in=2.0, tokens_out=8.0, cached_tokens=0.5),
    "big": Price(tokens_in=9),
}


def _spend(folder: Path, stage: str, shard: str, *done: Completion) -> None:
    with Journal(folder, stage, shard) as journal:
        start = len(journal)
        keys = (content_hash(stage, shard, str(start + n)) for n in range(len(done)))
        journal.add(zip(keys, done, strict=True))


def _done(tokens_in: int, tokens_out: int = 0, cached: int = 0, model: str = "tiny") -> Completion:
    return Completion("x", tokens_in, tokens_out, cached, model=model)


def test_nothing_is_spent_where_there_is_no_journal(tmp_path: Path) -> None:
    assert Spending(tmp_path / "none", PRICES).refresh() == Spent(0, 0.0)


def test_it_sums_all_journals_each_model_at_its_price(tmp_path: Path) -> None:
    _spend(tmp_path, "personas", "s-1", _done(1_000_000, 10_000), _done(1000, 0, 400))
    _spend(tmp_path, "qa_pairs", "s-1", _done(500, 500))
    _spend(tmp_path, "qa_pairs", "s-2", _done(1_000_000, 1, model="big"), _done(7, 7, model="free"))
    found = Spending(tmp_path, PRICES).refresh()
    assert found.tokens == 1_010_000 + 1000 + 1000 + 1_000_001 + 14
    tiny = 2.0 + 0.08 + (600 * 2.0 + 400 * 0.5) / 1e6 + (500 * 2 + 500 * 8) / 1e6
    assert found.cost == pytest.approx(tiny + 9.0)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 99))))
@settings(max_examples=30, deadline=None)
def test_the_sum_is_that_of_the_calls(
    tmp_path_factory: pytest.TempPathFactory, counts: list[tuple[int, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    _spend(folder, "personas", "s-1", *(_done(*each) for each in counts))
    found = Spending(folder, PRICES).refresh()
    assert found.tokens == sum(one + two for one, two, _ in counts)
    assert found.cost == pytest.approx(sum(PRICES["tiny"].cost(*each) for each in counts))


def test_a_second_look_reads_only_what_was_appended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []
    loads = orjson.loads
    found = Spending(tmp_path, PRICES)
    _spend(tmp_path, "personas", "s-1", _done(1), _done(2))
    assert found.refresh().tokens == 3
    monkeypatch.setattr(spending.orjson, "loads", lambda line: read.append(line) or loads(line))
    assert found.refresh().tokens == 3 and read == []
    monkeypatch.undo()
    _spend(tmp_path, "personas", "s-1", _done(4))
    _spend(tmp_path, "personas", "s-2", _done(8))
    monkeypatch.setattr(spending.orjson, "loads", lambda line: read.append(line) or loads(line))
    assert found.refresh().tokens == 15
    assert len(read) == 2


def test_a_line_that_is_still_being_written_counts_when_it_is_whole(tmp_path: Path) -> None:
    _spend(tmp_path, "personas", "s-1", _done(1), _done(2))
    path = tmp_path / "personas" / "s-1.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    found = Spending(tmp_path, PRICES)
    assert found.refresh().tokens == 1
    path.write_bytes(whole)
    assert found.refresh().tokens == 3


@pytest.mark.parametrize("garbage", [b"{\n", b"5\n", b'{"key": "00"}\n', b"\xff\n"])
def test_a_damaged_line_costs_nothing_and_stops_nothing(tmp_path: Path, garbage: bytes) -> None:
    _spend(tmp_path, "personas", "s-1", _done(1), _done(2))
    path = tmp_path / "personas" / "s-1.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + garbage + second)
    assert Spending(tmp_path, PRICES).refresh().tokens == 3


def test_a_journal_begun_anew_is_counted_anew(tmp_path: Path) -> None:
    _spend(tmp_path, "personas", "s-1", *(_done(100) for _ in range(5)))
    found = Spending(tmp_path, PRICES)
    assert found.refresh().tokens == 500
    (tmp_path / "personas" / "s-1.jsonl").unlink()
    _spend(tmp_path, "personas", "s-1", _done(3))
    assert found.refresh().tokens == 3


def test_the_sums_are_kept_for_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _spend(tmp_path, "personas", "s-1", _done(1, 2, 1), _done(4, model="big"))
    first = Spending(tmp_path, PRICES)
    spent = first.refresh()
    first.save()
    assert json.loads((tmp_path / "spent.json").read_bytes()) == {
        "personas/s-1.jsonl": [
            (tmp_path / "personas" / "s-1.jsonl").stat().st_size,
            {"tiny": [1, 2, 1], "big": [4, 0, 0]},
        ]
    }
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["spent.json"]
    read: list[bytes] = []
    with monkeypatch.context() as patched:
        loads = orjson.loads
        patched.setattr(spending.orjson, "loads", lambda line: read.append(line) or loads(line))
        assert Spending(tmp_path, PRICES).refresh() == spent
    assert read == []
    _spend(tmp_path, "personas", "s-1", _done(10))
    assert Spending(tmp_path, PRICES).refresh().tokens == spent.tokens + 10
    # Other prices are applied to the kept sums: they are of tokens.
    assert Spending(tmp_path, {}).refresh() == Spent(spent.tokens + 10, 0.0)


OTHER = """
import sys; from pathlib import Path
from webscale_dagster.llm.journal import Completion, Journal
with Journal(Path(sys.argv[1]), "qa_pairs", "s-9") as journal:
    journal.add([("ab" * 12, Completion("x", 30, 12, model="tiny"))])
"""


def test_what_another_process_spends_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(spending.time, "monotonic", lambda: clock[0])
    guard = _guard(tmp_path, max_tokens_total=60)
    asked = request("x" * 3, max_tokens=18)  # 20 tokens at most
    reserved = guard.admit(asked, "tiny")
    assert reserved == Spent(20, pytest.approx(2 * 2.0 / 1e6 + 18 * 8.0 / 1e6))
    guard.settle(reserved, 0, 0.0)
    subprocess.run([sys.executable, "-c", OTHER, str(tmp_path)], check=True)
    assert guard.admit(asked, "tiny") is not None  # not looked again so soon
    clock[0] += 2.5
    assert guard.admit(asked, "tiny") is None  # 42 + 20 under way + 20
    assert "42 of max_tokens_total 60" in str(guard.reached())


# -- the guard ------------------------------------------------------------------------------------

PRICED = CHOICE.model_copy(update={"price": PRICES["tiny"]})


def _guard(folder: Path, **budget: float) -> Guard:
    return Guard(Recipe(model=PRICED, budget=Budget.model_validate(budget)), folder)


def test_without_a_budget_everything_is_admitted_and_nothing_read(tmp_path: Path) -> None:
    (tmp_path / "personas").mkdir()
    (tmp_path / "personas" / "s-1.jsonl").mkdir()  # to read it would fail
    guard = _guard(tmp_path)
    reserved = guard.admit(request("x" * 10**6, max_tokens=10**9), "tiny")
    assert reserved == Spent(0, 0.0)
    guard.settle(reserved, 5, 5.0)
    guard.close()
    assert not (tmp_path / "spent.json").exists()


def test_a_reservation_is_a_token_for_three_bytes_and_all_of_max_tokens(tmp_path: Path) -> None:
    guard = _guard(tmp_path, max_cost=1000.0)
    text = "ß" * 300  # 600 bytes
    assert guard.admit(request(text, max_tokens=50), "tiny") == Spent(
        251, pytest.approx((201 * 2.0 + 50 * 8.0) / 1e6)
    )
    assert guard.admit(request(text, max_tokens=50), "unknown") == Spent(251, 0.0)


def test_what_is_under_way_is_not_admitted_twice(tmp_path: Path) -> None:
    guard = _guard(tmp_path, max_tokens_total=300)
    asked = request("x" * 27, max_tokens=90)
    admitted = [guard.admit(asked, "tiny") for _ in range(5)]
    assert [each is not None for each in admitted] == [True] * 3 + [False] * 2
    assert admitted[0] is not None
    guard.settle(admitted[0], 10, 0.0)
    assert guard.admit(asked, "tiny") is None  # 10 spent and 200 reserved leave 90
    small = guard.admit(request("x" * 27, max_tokens=80), "tiny")
    assert small == Spent(90, small.cost if small else 0.0)


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"max_tokens_total": 5}, "3,000 of max_tokens_total 5 spent"),
        ({"max_cost": 0.001}, "0.0120 of max_cost 0.001 spent"),
        (
            {"max_tokens_total": 5000, "max_cost": 0.5},
            "3,000 of max_tokens_total 5,000 and 0.0120 of max_cost 0.5 spent",
        ),
    ],
)
def test_the_error_says_what_was_spent_of_what(
    tmp_path: Path, budget: dict[str, Any], said: str
) -> None:
    _spend(tmp_path, "personas", "s-1", _done(2000, 1000))
    assert said in str(_guard(tmp_path, **budget).reached())


def test_it_leaves_the_sums_for_the_next_start(tmp_path: Path) -> None:
    _spend(tmp_path, "personas", "s-1", _done(2000, 1000))
    _guard(tmp_path, max_cost=1.0).close()
    assert json.loads((tmp_path / "spent.json").read_bytes())["personas/s-1.jsonl"][1] == {
        "tiny": [2000, 1000, 0]
    }


def test_prices_of_all_models_of_the_recipe_count(tmp_path: Path) -> None:
    big = ModelChoice(backend="vllm", name="big", price=PRICES["big"])
    recipe = Recipe(model=PRICED, models={"judge": big}, budget=Budget(max_cost=10.0))
    _spend(tmp_path, "personas", "s-1", _done(1_000_000), _done(1_000_000, model="big"))
    assert "11.0000 of max_cost 10" in str(Guard(recipe, tmp_path).reached())
    assert Guard(recipe, tmp_path).admit(request("x"), "big") is None


def test_looks_are_seconds_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    refresh = Spending.refresh
    monkeypatch.setattr(
        Spending, "refresh", lambda self: looks.append(time.monotonic()) or refresh(self)
    )
    guard = _guard(tmp_path, max_cost=1.0)
    for _ in range(500):
        guard.admit(request("x", max_tokens=1), "tiny")
    assert len(looks) == 1
