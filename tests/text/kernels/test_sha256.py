from __future__ import annotations

import hashlib
import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from webscale_dagster.text.kernels.sha256 import digest64, flag_known, join_words, room_for
from webscale_dagster.text.kernels.utf8 import encode


def plain_words(text: str) -> list[str]:
    return [word.lower() for word in re.findall("[a-zA-Z0-9]+", text)]


@given(st.binary(max_size=200))
def test_digests_are_hashlib_s(data: bytes) -> None:
    made = digest64(np.frombuffer(b"x" + data, np.uint8), 1, len(data), np.empty(64, np.uint32))
    assert int(made) == int.from_bytes(hashlib.sha256(data).digest()[:8], "big")


@given(st.text(st.characters() | st.sampled_from("aZ9 é\ud800")))
def test_words_are_joined_by_one_space(text: str) -> None:
    texts = encode([text])
    room = room_for(len(texts.data))
    count = join_words(texts.data, 0, len(texts.data), room)
    assert count == len(plain_words(text))
    if count:
        assert room.joined[: room.ends[count - 1]].tobytes().decode() == " ".join(plain_words(text))


@given(st.lists(st.sampled_from(["a", "B", "cc", "9"]), max_size=12), st.integers(1, 3))
def test_a_text_is_flagged_iff_a_run_that_is_tried_is_known(words: list[str], stride: int) -> None:
    known = {" ".join(run) for run in (("a", "b", "cc"), ("9", "9", "a"))}
    table = np.zeros(8, np.uint64)
    for run in known:
        value = int.from_bytes(hashlib.sha256(run.encode()).digest()[:8], "big")
        slot = value % 8
        while table[slot]:
            slot = (slot + 1) % 8
        table[slot] = value
    texts = encode([" ".join(words)])
    flags = np.zeros(1, np.bool_)
    room = room_for(len(texts.data))
    flag_known(texts.data, texts.offsets, 3, stride, table, room, flags)
    plain = [word.lower() for word in words]
    runs = [" ".join(plain[i : i + 3]) for i in range(0, len(plain) - 2, stride)]
    assert flags[0] == any(run in known for run in runs)
