"""Compiles the kernels of filters and decontamination, once on a machine.

    python -m webscale_dagster.text.warm_up

What a first run would otherwise wait for. Run beside it, it uses a second core: the run itself
begins with the kernels for near-duplicates. Writes the folder that ``kernels/jit.py`` names.
"""

from __future__ import annotations

import polars as pl

from webscale_dagster.recipe import Benchmarks, DecontaminatedSet
from webscale_dagster.text.decontamination import Decontaminator, ngram_rows
from webscale_dagster.text.quality import judge

TEXT = "How many moons does the planet Jupiter have, and which of them did Galileo see in 1610?"


def main() -> None:
    """Use each kernel once."""
    judge([TEXT])
    question = {"benchmark": "b", "benchmark_id": "1", "question": TEXT, "answer": "95"}
    asked = pl.DataFrame([question | {"context": TEXT}])
    engine = Decontaminator(ngram_rows(asked, Benchmarks()), asked, DecontaminatedSet())
    engine.find(pl.DataFrame({"id": ["1"], "text": [TEXT]}))


if __name__ == "__main__":
    main()
