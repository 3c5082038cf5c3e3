"""Scores answers with other projects' reward functions; runs in an environment of its own.

    ENV/bin/python benchmarks/verifiability_peers.py < rows.jsonl > scores.jsonl

Reads lines ``{"answer": …, "truths": […]}``, writes lines ``{peer: 0 or 1}``. Every peer gets the
answer in the form that it looks for. A peer that knows one truth is asked about each of them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

Scorer = Callable[[str, list[str]], bool]


def _file(package: str, *parts: str) -> ModuleType:
    """A module of an installed package, without running what its package imports at start."""
    found = importlib.util.find_spec(package)
    assert found is not None and found.submodule_search_locations
    path = Path(found.submodule_search_locations[0], *parts)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _math_verify() -> Scorer:
    from math_verify import parse, verify

    def score(answer: str, truths: list[str]) -> bool:
        said = parse(f"\\boxed{{{answer}}}")
        return any(verify(parse(truth), said) for truth in truths)

    return score


def _trl() -> Scorer:
    from trl.rewards import accuracy_reward

    def score(answer: str, truths: list[str]) -> bool:
        said: Any = [[{"role": "assistant", "content": f"\\boxed{{{answer}}}"}]]
        return any(accuracy_reward(said, [truth])[0] == 1.0 for truth in truths)

    return score


def _verl_qa() -> Scorer:
    module = _file("verl", "utils", "reward_score", "search_r1_like_qa_em.py")

    def score(answer: str, truths: list[str]) -> bool:
        tagged = f"<answer>{answer}</answer>"
        return bool(module.compute_score(tagged, {"target": truths}) == 1)

    return score


def _verl_math() -> Scorer:
    module = _file("verl", "utils", "reward_score", "math_dapo.py")

    def score(answer: str, truths: list[str]) -> bool:
        return any(module.compute_score(f"Answer: {answer}", truth)["acc"] for truth in truths)

    return score


PEERS = {
    "math-verify": _math_verify,
    "TRL accuracy_reward": _trl,
    "verl search_r1_like_qa_em": _verl_qa,
    "verl math_dapo": _verl_math,
}


def main() -> None:
    """Score every line."""
    logging.disable(logging.CRITICAL)
    scorers = {name: make() for name, make in PEERS.items()}
    for line in sys.stdin:
        row = json.loads(line)
        scores = {}
        for name, score in scorers.items():
            with contextlib.redirect_stdout(io.StringIO()):  # verl prints samples
                scores[name] = int(score(row["answer"], row["truths"]))
        print(json.dumps(scores), flush=True)


if __name__ == "__main__":
    main()
