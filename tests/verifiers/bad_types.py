"""Answer types that hang, crash and eat memory, as a user's own type might; a pool imports them."""

from __future__ import annotations

import ctypes
import os
import time

from webscale_dagster.verifiers import register
from webscale_dagster.verifiers.outcome import AnswerType, Options


def _parse(text: str, options: Options) -> str:
    """Do what the answer says; any other answer is its own reading."""
    del options
    what, _, number = text.partition(" ")
    if what == "sleep":
        time.sleep(float(number))
    elif what == "spin":
        10**10 ** int(number)  # in C: no signal handler of Python's would run
    elif what == "exit":
        os._exit(int(number))
    elif what == "crash":
        ctypes.string_at(0)
    elif what == "hoard":
        bytearray(b"x") * (int(number) << 20)
    elif what == "print":
        print("noise on standard output", flush=True)
        os.write(1, b"noise" * int(number))
        os.write(2, b"noise" * int(number))
    elif what == "pid":
        return str(os.getpid())
    elif what == "descriptors":
        return ",".join(sorted(os.listdir("/proc/self/fd"), key=int))
    return text


def _differs(answer: str, truth: str, options: Options) -> str | None:
    del options
    return None if answer == truth else f"{answer} is not {truth}"


register("bad", AnswerType(_parse, _differs))
