"""The formats that a release can be exported to.

A format turns a pinned release and the wanted splits into files, by name. Reads the lake; writes
nothing itself. To add one: write its module, add its line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from webscale_dagster.exports import trl, verifier_training, verl
from webscale_dagster.exports.pinned import Pinned

Format = Callable[[Pinned, Sequence[str]], Mapping[str, bytes]]
FORMATS: dict[str, Format] = {
    "trl": trl.files,
    "verl": verl.files,
    "verifier-training": verifier_training.files,
}
