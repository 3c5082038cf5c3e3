"""How well the verifiers and the free checks judge people's own question-answer pairs.

    python benchmarks/verifiability.py [--pairs FILE] [--limit N] [--envs DIR] [--json]

Reads ``corpora/qa_pairs.parquet`` under ``WEBSCALE_CORPORA`` (or ``--pairs``, any file with its
columns). Prints, with Wilson 95% intervals:

1. verifiers: one person's answer against the other people's (leave one out; identical answers are
   kept), and answers of other questions on the same document against a question's own; by answer
   type and data set, beside exact match, SQuAD's normalised match, math-verify, and the reward
   functions that TRL and verl ship, on the same rows;
2. free checks: sound pairs kept, corrupted ones rejected, by data set, corruption and check.

A sound pair is one that a person wrote about an encyclopedia or article, whose answer stands in the
document where the data set says, has at most as many words as the recipe allows, and is not
answered by yes or no. Everything is drawn with a fixed seed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from verifiability_checks import check_rates
from verifiability_verifiers import verifier_rates


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    corpora = Path(os.environ.get("WEBSCALE_CORPORA", ".")) / "corpora"
    parser.add_argument("--pairs", type=Path, default=corpora / "qa_pairs.parquet")
    parser.add_argument("--limit", type=int, default=3000, help="questions of each data set")
    parser.add_argument("--envs", type=Path, default=Path(tempfile.gettempdir(), ".bench-envs"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not args.pairs.is_file():
        sys.exit(f"{args.pairs}: no such file; set WEBSCALE_CORPORA or name --pairs FILE")
    start = time.process_time()
    found = {
        "verifiers": verifier_rates(args.pairs, args.limit, args.envs),
        "checks": check_rates(args.pairs, args.limit),
    }
    if args.json:
        print(json.dumps(found, indent=1))
        return
    for part in found.values():
        for title, rows in part.items():
            print(f"\n## {title}")
            print("\n".join(_table(rows)))
    print(f"\n{time.process_time() - start:.0f} CPU-s")


def _table(rows: list[dict[str, object]]) -> list[str]:
    if not rows:
        return ["no rows"]
    names = list(rows[0])
    lines = [" | ".join(names), " | ".join("---" for _ in names)]
    lines += [" | ".join(str(row[name]) for name in names) for row in rows]
    return [f"| {line} |" for line in lines]


if __name__ == "__main__":
    main()
