"""Peers' near-duplicate search as programs of ``text_engine.py`` (see ``text_engine_clock.py``).

All with 5-word shingles, 128 permutations, 16 bands of 8 rows. They give pairs of documents that
they take for duplicates, or mark documents, as rensa does. Runs in an environment with datatrove,
datasketch, rensa, numba and polars, and this repository on its path: rensa is fed our shingles.
"""

from __future__ import annotations

import re
import struct
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from text_engine_clock import Call, Work, run

N, PERMUTATIONS, BANDS, ROWS = 5, 128, 16, 8
_WORD = re.compile(r"\w+")


def datatrove(_: Mapping[str, str]) -> Work:
    """The four stages of MinHash deduplication, a single task, files in a temporary folder."""
    from datatrove.data import Document
    from datatrove.utils.logging import logger

    logger.remove()

    def work(frame: Any) -> Call:
        documents = [Document(text=text, id=name) for name, text in frame.rows()]

        def call() -> Any:
            with tempfile.TemporaryDirectory() as folder:
                return _four_stages(documents, Path(folder))

        return call

    return work


def _four_stages(documents: list[Any], folder: Path) -> list[tuple[int, int]]:
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig

    config = MinhashConfig(n_grams=N, num_buckets=BANDS, hashes_per_bucket=ROWS)
    signatures, pairs, removed = (str(folder / name) for name in ("signatures", "pairs", "removed"))
    MinhashDedupSignature(output_folder=signatures, config=config).run(iter(documents))
    for rank in range(BANDS):
        MinhashDedupBuckets(signatures, pairs, config=config).run(None, rank, BANDS)
    MinhashDedupCluster(pairs, removed, config=config).run(None, 0, 1)
    kept = sum(1 for _ in MinhashDedupFilter(removed).run(iter(documents)))
    assert kept < len(documents)
    data = b"".join(path.read_bytes() for path in sorted(Path(pairs).glob("*.dups")))
    return sorted({(min(a, b), max(a, b)) for _, a, _, b in struct.iter_unpack("<4I", data)})


def datasketch(settings: Mapping[str, str]) -> Work:
    """A MinHash per document, by ``update_batch`` or ``update`` for each shingle, and its LSH."""
    from datasketch import MinHash, MinHashLSH

    one_by_one = settings["update"] == "loop"

    def call(texts: list[str]) -> list[tuple[int, int]]:
        index = MinHashLSH(num_perm=PERMUTATIONS, params=(BANDS, ROWS))
        pairs: list[tuple[int, int]] = []
        for number, text in enumerate(texts):
            signature = MinHash(num_perm=PERMUTATIONS)
            members = [shingle.encode() for shingle in _shingles(text)]
            if one_by_one:
                for member in members:
                    signature.update(member)
            else:
                signature.update_batch(members)
            pairs += [(other, number) for other in index.query(signature)]
            index.insert(number, signature, check_duplication=False)
        return pairs

    return lambda frame: (lambda texts: lambda: call(texts))(frame["text"].to_list())


def _shingles(text: str) -> set[str]:
    tokens = _WORD.findall(text.lower())
    return {" ".join(tokens[at : at + N]) for at in range(max(len(tokens) - N + 1, 1))}


def rensa_python(_: Mapping[str, str]) -> Work:
    """Shingles made in Python, signatures and duplicate flags by rensa."""
    from rensa import RMinHash

    def call(texts: list[str]) -> Any:
        return _flags(RMinHash.digest_matrix_from_token_sets(_sets(texts), PERMUTATIONS, 42))

    return lambda frame: (lambda texts: lambda: call(texts))(frame["text"].to_list())


def _sets(texts: list[str]) -> Iterator[list[str]]:
    return (list(_shingles(text)) for text in texts)


def rensa_flags(_: Mapping[str, str]) -> Work:
    """Our shingles, signatures and duplicate flags by rensa: which ones, not of what."""
    return lambda frame: lambda: _flags(_matrix(frame["text"]))


def rensa_pairs(_: Mapping[str, str]) -> Work:
    """Our shingles, signatures by rensa, pairs by sorting its bands."""
    return lambda frame: lambda: _neighbours(_matrix(frame["text"]))


def _flags(matrix: Any) -> dict[str, list[bool]]:
    from rensa import RMinHashLSH

    index = RMinHashLSH(0.8, PERMUTATIONS, BANDS)
    return {"flags": index.query_duplicate_flags_matrix_one_shot(matrix)}


def _matrix(texts: Any) -> Any:
    from rensa import RMinHash
    from text_engine_shingles import flat_shingles

    hashes, offsets = flat_shingles(texts, N)
    return RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, PERMUTATIONS, 42)


def _neighbours(matrix: Any) -> list[tuple[int, int]]:
    rows = np.array(matrix.to_rows(), np.uint32).reshape(-1, BANDS, ROWS)
    pairs: dict[tuple[int, int], None] = defaultdict(None)
    for band in range(BANDS):
        keys = np.ascontiguousarray(rows[:, band]).view(np.dtype((np.void, 4 * ROWS))).ravel()
        order = np.argsort(keys, kind="stable")
        equal = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
        pairs |= dict.fromkeys(zip(order[equal].tolist(), order[equal + 1].tolist(), strict=True))
    return list(pairs)


TASKS = {
    "datatrove": datatrove,
    "datasketch": datasketch,
    "rensa_python": rensa_python,
    "rensa_flags": rensa_flags,
    "rensa_pairs": rensa_pairs,
}

if __name__ == "__main__":
    run(TASKS)
