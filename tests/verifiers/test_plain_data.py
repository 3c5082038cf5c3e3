from __future__ import annotations

import io
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webscale_dagster.verifiers.plain_data import decode, encode, receive, send


def _none(value: Any) -> int:
    raise AssertionError(f"{value!r} is not plain")


@pytest.mark.parametrize(
    "value",
    [
        *(
            None,
            True,
            False,
            0,
            -7,
            2**63,
            -(2**200),
            10**5000,
            1.5,
            -0.0,
            math.inf,
            1e-320,
            2 - 3j,
        ),
        *("", "é\ud800\n", b"\x00\xff", [], (), set(), frozenset(), {}, int, str),
        [1, (2, [3.0, "four"]), {5: {6, 7}, (8,): frozenset({b"9"})}, {None: True}],
    ],
    ids=lambda value: repr(value)[:20] if not isinstance(value, int) else f"{value:x}"[:20],
)
def test_plain_data_survives_the_way(value: Any) -> None:
    there = decode(encode(value, _none), _none)
    assert there == value
    assert type(there) is type(value)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.text()), inner)
    ),
    max_leaves=30,
)


@settings(max_examples=60)
@given(PLAIN)
def test_any_plain_data_survives_the_way(value: Any) -> None:
    assert repr(decode(encode(value, _none), _none)) == repr(value)


def test_not_a_number_survives_the_way() -> None:
    assert math.isnan(decode(encode(math.nan, _none), _none))


def test_subclasses_become_what_they_derive_from() -> None:
    class Sly(str):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = str.__hash__

    sent = decode(encode([Sly("a")], _none), _none)
    assert sent != ["b"]
    assert type(sent[0]) is str


def test_what_is_not_plain_stays_where_it_is() -> None:
    kept: list[Any] = []
    something = object()
    assert encode([something], lambda value: kept.append(value) or 7) == b"l1;r7;"
    assert kept == [something]
    assert decode(b"l1;r7;", {7: something}.__getitem__) == [something]


FORGED = (  # between spaces
    "; n n;n; iz; i-; x1; s5;abc; s-1; sx; s1;é fx; rx; l2;n; l999999999999; e1;l0; d1;n; d1;l0;n;"
    " c1|2|3; keval; knothing; k;"
)


@pytest.mark.parametrize(
    "text", ["", "l1;" * 5000 + "n;", *FORGED.split()], ids=lambda text: text[:20]
)
def test_forged_data_is_an_error(text: str) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError, IndexError, RecursionError)):
        decode(text.encode("latin-1"), _none)


def test_messages_are_read_one_by_one() -> None:
    stream = io.BytesIO()
    for value in (1, "two\n", [3]):
        send(stream, encode(value, _none))
    stream.seek(0)
    assert [decode(receive(stream), _none) for _ in range(3)] == [1, "two\n", [3]]
    with pytest.raises(EOFError):
        receive(stream)


@pytest.mark.parametrize("written", [b"5\nabc", b"", b"5"])
def test_a_message_that_breaks_off_is_an_end(written: bytes) -> None:
    with pytest.raises((EOFError, ValueError)):
        receive(io.BytesIO(written))


@pytest.mark.parametrize(
    "written", [b"0\n", b"-3\nabc", b"99999999999\n", b"9999999999999999999\n"]
)
def test_a_message_of_a_forged_size_is_refused(written: bytes) -> None:
    with pytest.raises(ValueError, match=r"value of|invalid literal"):
        receive(io.BytesIO(written))
