from __future__ import annotations

import numpy as np
from hypothesis import given

from tests.text.oracles.page_shape import _is_entry
from tests.text.oracles.quality import _PARAGRAPHS
from tests.text.strategies import texts
from webscale_dagster.text.kernels.lines import (
    END,
    ENTRY,
    FIRST_SIGN,
    LAST_SIGN,
    LENGTH,
    N_BYTES,
    NUMBER,
    SPACES,
    TEXT,
)
from webscale_dagster.text.kernels.signs import signs
from webscale_dagster.text.kernels.utf8 import encode
from webscale_dagster.text.page_shape import _read


def n_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


@given(texts, texts)
def test_lines_are_stripped_and_blank_ones_left_out(text: str, other: str) -> None:
    rows, hashes = _read(encode([other, text]))[0]
    mine = rows[TEXT] == 1
    numbered = [(at, line.strip()) for at, line in enumerate(text.split("\n")) if line.strip()]
    assert rows[NUMBER, mine].tolist() == [at for at, _ in numbered]
    lines = [line for _, line in numbered]
    assert rows[LENGTH, mine].tolist() == list(map(len, lines))
    assert rows[SPACES, mine].tolist() == [line.count(" ") for line in lines]
    assert rows[N_BYTES, mine].tolist() == list(map(n_bytes, lines))
    assert rows[FIRST_SIGN, mine].tolist() == [signs()[ord(line[0])] for line in lines]
    assert rows[LAST_SIGN, mine].tolist() == [signs()[ord(line[-1])] for line in lines]
    assert [bool(entry) for entry in rows[ENTRY, mine]] == list(map(_is_entry, lines))
    assert _same(hashes[mine].tolist()) == _same(lines)
    ends = n_bytes(other) + np.cumsum([n_bytes(line) + 1 for line in text.split("\n")])
    trailing = [n_bytes(line) - n_bytes(line.rstrip()) for line in text.split("\n")]
    assert rows[END, mine].tolist() == [ends[at] - 1 - trailing[at] for at, _ in numbered]


@given(texts, texts)
def test_paragraphs_are_the_parts_between_blank_lines(text: str, other: str) -> None:
    rows, hashes = _read(encode([other, text]))[1]
    mine = rows[TEXT] == 1
    parts = _PARAGRAPHS.split(text)
    assert rows[LENGTH, mine].tolist() == list(map(len, parts))
    assert rows[SPACES, mine].tolist() == [part.count(" ") for part in parts]
    assert rows[N_BYTES, mine].tolist() == list(map(n_bytes, parts))
    assert _same(hashes[mine].tolist()) == _same(parts)


def _same(parts: list[str] | list[int]) -> list[int]:
    """For each part the place of the first that is equal."""
    return [parts.index(part) for part in parts]  # type: ignore[arg-type]
