from __future__ import annotations

import re

import pytest

from webscale_dagster.text.kernels import characters
from webscale_dagster.text.kernels.characters import flags
from webscale_dagster.text.normalise import UNSPACED

EVERY = [chr(code) for code in range(0x110000)]


@pytest.mark.parametrize(
    ("flag", "holds"),
    [
        (characters.ALPHA, str.isalpha),
        (characters.ALNUM, str.isalnum),
        (characters.SPACE, str.isspace),
        (characters.LOWER, str.islower),
        (characters.UPPER, str.isupper),
        (characters.DIGIT, str.isdigit),
        (characters.SPACE, re.compile(r"\s").match),
        (characters.WORD, re.compile(r"\w").match),
        (characters.UNSPACED_LETTER, re.compile(f"[{UNSPACED}]").match),
    ],
)
def test_flags_are_what_python_says_of_every_code_point(flag: int, holds: object) -> None:
    assert [bool(value) for value in flags() & flag] == [bool(holds(char)) for char in EVERY]  # type: ignore[operator]
