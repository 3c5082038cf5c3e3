"""The rows of ``llm_calls``."""

from __future__ import annotations

import polars as pl
import pytest

from tests.llm.fakes import request
from webscale_dagster.llm import calls as module
from webscale_dagster.llm.calls import Calls
from webscale_dagster.llm.journal import Completion
from webscale_dagster.models import Price
from webscale_dagster.recipe import content_hash
from webscale_dagster.tables import TABLES

PRICE = Price(tokens_in=2.0, tokens_out=8.0, cached_tokens=0.5)


def test_a_row_says_what_was_asked_what_it_cost_and_how_it_went() -> None:
    calls = Calls("s-00000", "tiny", PRICE)
    done = Completion("reply", 100, 50, 40, 12.5, "length", 3, "tiny")
    calls.add(request("a", "d/0", prompt_version="v7"), "k" * 24, done, replayed=True)
    (row,) = calls.frame().to_dicts()
    assert row == {
        "stage": "qa_pairs",
        "shard": "s-00000",
        "row_id": "d/0",
        "key": "k" * 24,
        "model": "tiny",
        "prompt_version": "v7",
        "reply_hash": content_hash("reply"),
        "tokens_in": 100,
        "tokens_out": 50,
        "cached_tokens": 40,
        "cost": pytest.approx((60 * 2.0 + 40 * 0.5 + 50 * 8.0) / 1e6),
        "latency_ms": 12.5,
        "finish_reason": "length",
        "attempts": 3,
        "replayed": True,
    }


def test_no_call_is_an_empty_table() -> None:
    frame = Calls("s", "tiny", PRICE).frame()
    assert frame.is_empty() and frame.schema == TABLES["llm_calls"].schema


@pytest.mark.parametrize("piece", [1, 7, 2000])
def test_rows_are_packed_and_sorted_whatever_the_piece(
    monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(module, "_PIECE", piece)
    calls = Calls("s", "tiny", PRICE)
    for number in reversed(range(20)):
        for key in ("b", "a"):
            calls.add(request("x", f"r{number:02d}"), key, Completion("x", number), False)
        assert len(calls._rows) < piece
    frame = calls.frame()
    rows = [(f"r{number:02d}", key) for number in range(20) for key in ("a", "b")]
    assert frame.select("row_id", "key").rows() == rows
    assert frame.equals(calls.frame())  # to look does not change it
    calls.add(request("x", "r99"), "a", Completion("x"), False)
    assert calls.frame().height == 41
    assert isinstance(calls.frame(), pl.DataFrame)
