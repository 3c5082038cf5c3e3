"""Long documents are cut into parts that a prompt has room for, without a loss."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from webscale_dagster.refine.parts import line_parts, text_parts


@given(st.text("ab. \n", max_size=80), st.integers(1, 20))
def test_parts_of_a_text_are_the_text(text: str, most: int) -> None:
    parts = text_parts(text, most)
    assert "".join(parts) == text
    assert all(len(part) <= most for part in parts)
    assert len(parts) == 1 or all(parts)


def test_a_text_is_cut_where_it_pauses() -> None:
    assert text_parts("One two. Three four.\nFive", 12) == ["One two. ", "Three four.\n", "Five"]
    assert text_parts("One\nTwo\nThree", 8) == ["One\nTwo\n", "Three"]
    assert text_parts("onetwothree", 4) == ["onet", "woth", "ree"]
    assert text_parts("", 4) == [""]


@given(st.lists(st.text("ab", max_size=30), min_size=1, max_size=20), st.integers(1, 60))
def test_parts_of_lines_keep_their_numbers(lines: list[str], most: int) -> None:
    parts = line_parts(lines, most)
    assert [pair for part in parts for pair in part.items()] == list(enumerate(lines, 1))
    assert all(parts)
    assert all(len(part) == 1 or sum(map(len, part.values())) <= most for part in parts)
