from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.oracles.page_shape import _CODE_LINE
from tests.text.strategies import characters
from webscale_dagster.text.kernels.utf8 import encode
from webscale_dagster.text.page_shape import CODE, _read, code_share

STARTS = (
    *("def", "class", "import", "from", "return", "raise", "assert", "print(", "@", ">>> "),
    *("#include", "if", "elif", "for", "while", "with", "except", "else:", "try:", "finally:"),
    *("const", "let", "var", "public", "private", "static", "void", "int", "{", "}", "x", "a.b[0]"),
)
ENDS = ("", ":", ";", "{", "}", ")", "(", "=", "(a, b),", "(a b", " += 1", " =\t", " == 'é'", "é")
lines = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "", " ", "    ", "\t", "\t ", "   \t", "\xa0", "\u3000    "]),
        st.sampled_from(STARTS) | st.text(characters, max_size=3),
        st.sampled_from(["", " ", "  ", "_", ".", "é", "\x1f", " x", " x import ", "x import y"]),
        st.text(characters, max_size=4),
        st.sampled_from(ENDS),
        st.sampled_from(["", "", " ", "\r", "\u2028 "]),
    ),
).map(lambda line: line.replace("\n", ""))


@given(st.lists(lines, max_size=8))
def test_code_is_what_the_expression_matches(given: list[str]) -> None:
    rows = _read(encode(["\n".join(given)]))[0].rows
    expected = [bool(_CODE_LINE.match(line)) for line in given if line.strip()]
    assert [bool(code) for code in rows[CODE]] == expected


@pytest.mark.parametrize(
    ("line", "is_code"),
    [
        ("from numpy import array", True),
        ("from here to there", False),
        ("return", True),
        ("returned goods", False),
        ("for name in names:", True),
        ("for example: this", False),
        ("total += 1", True),
        ("call(a, b),", True),
        ("See (above) for more", False),
        ("    indented", True),
        ("\tindented", True),
        ("   three spaces", False),
        ("@decorated", True),
        ("@ home", False),
        ("it ends;", True),
        ("A sentence is no code.", False),
    ],
)
def test_lines_of_code_and_of_prose(line: str, is_code: bool) -> None:
    assert code_share(line) == is_code


def test_of_a_long_text_some_lines_are_looked_at() -> None:
    assert code_share("x = 1\nprose here\n" * 400) == 1.0
    assert code_share("x = 1\nprose here\n" * 399) == 0.5
    assert code_share("") == code_share("\n \n") == 0.0
