"""Quality of documents: what the rules of a profile measure, and which of them a text fails.

Makes measures and names of failed rules from texts; reads and writes nothing. The profile
``adapted`` (``adapted_rules``) is for corpora of every kind, ``published`` (``published_rules``)
has the rules of the papers as they stand there, which are for web pages.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Literal

from webscale_dagster.text.adapted_rules import RULES
from webscale_dagster.text.rule import Rule

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from webscale_dagster.text.kernels.utf8 import Texts

    Measures = dict[str, npt.NDArray[np.float64]]

__all__ = ["RULES", "THRESHOLDS", "Profile", "Quality", "as_json", "judge", "quality"]

Profile = Literal["adapted", "published"]
_MOSTLY = 0.5
_CHUNK = 8_000_000  # bytes of text measured at a time: some 40 MB of words and lines
_WHOLE = ("c4_sentences",)  # written as whole numbers
_DIGITS = 4  # of a measure that is kept
_TIE = 1e-6  # so near to a half numpy may round otherwise than Python
_NULL = r',"\w+":null|"\w+":null,'  # a field, and the comma before or after it


def rules_of(profile: Profile) -> tuple[Rule, ...]:
    """The rules of a profile, in the order in which they are named."""
    rules: tuple[Rule, ...] = _module(profile).RULES
    return rules


def _module(profile: Profile) -> ModuleType:
    return importlib.import_module(f"{__package__}.{profile}_rules")


@functools.cache
def thresholds_of(profile: Profile) -> Mapping[str, float]:
    """Limits by rule name."""
    return MappingProxyType(
        {
            rule.name: limit
            for rule in rules_of(profile)
            for limit in (rule.least, rule.most)
            if limit is not None
        }
    )


THRESHOLDS: Mapping[str, float] = thresholds_of("adapted")


@dataclass(frozen=True)
class Quality:
    """Every rule's measure, and the rules that were failed, in their order."""

    measures: dict[str, float] = field(default_factory=dict)
    failed: tuple[str, ...] = ()


def quality(
    text: str,
    *,
    rules_off: Collection[str] = (),
    thresholds: Mapping[str, float] | None = None,
    profile: Profile = "adapted",
) -> Quality:
    """Measure a normalised text; ``thresholds`` replaces limits by rule name.

    For many texts, ``judge`` is faster.
    """
    from webscale_dagster.text.kernels.utf8 import encode

    limited = _limited(profile, rules_off, thresholds)
    measured = _measured(encode([text]), profile)
    values = {name: float(column[0]) for name, column in measured.items()}
    known = {name: value for name, value in values.items() if value == value}
    failed = zip(limited, _fails(measured, limited)[0], strict=True)
    return Quality(known, tuple(rule.name for (rule, _), fails in failed if fails))


def judge(
    texts: Sequence[str] | pl.Series,
    *,
    rules_off: Collection[str] = (),
    thresholds: Mapping[str, float] | None = None,
    profile: Profile = "adapted",
) -> pl.DataFrame:
    """Measure normalised texts: a row for each, ``measures`` by name and the ``failed`` rules.

    A measure is null where its rule does not apply.
    """
    import polars as pl

    from webscale_dagster.text.kernels.utf8 import encode

    limited = _limited(profile, rules_off, thresholds)
    measured = _measured(encode(texts), profile)
    failed = _listed(_fails(measured, limited), [rule.name for rule, _ in limited])
    columns = pl.DataFrame(measured, nan_to_null=True)
    return pl.DataFrame({"measures": columns.to_struct(), "failed": failed})


def _limited(
    profile: Profile, rules_off: Collection[str], thresholds: Mapping[str, float] | None
) -> list[tuple[Rule, float]]:
    """The rules to apply, with their limits."""
    known = thresholds_of(profile)
    limits = {**known, **(thresholds or {})}
    if unknown := sorted((set(rules_off) | set(limits)) - set(known)):
        raise ValueError(f"{unknown[0]}: no such quality rule; known: {', '.join(known)}")
    return [(rule, limits[rule.name]) for rule in rules_of(profile) if rule.name not in rules_off]


def _measured(texts: Texts, profile: Profile) -> Measures:
    """Measures of all texts, made chunk by chunk, for the words of all would fill the memory."""
    import numpy as np

    from webscale_dagster.text.kernels.utf8 import Texts

    measures = _module(profile).measures
    found: list[Measures] = []
    begin = 0
    while begin < len(texts) or not found:
        full = texts.offsets[begin] + _CHUNK
        end = min(max(int(np.searchsorted(texts.offsets, full)), begin + 1), len(texts))
        found.append(measures(Texts(texts.offsets[begin : end + 1], texts.data)))
        begin = end
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def _fails(measures: Measures, limited: Sequence[tuple[Rule, float]]) -> npt.NDArray[np.bool_]:
    """Which rules (columns) each text fails."""
    import numpy as np

    if not limited:
        return np.zeros((len(next(iter(measures.values()))), 0), np.bool_)
    values = np.stack([measures[rule.name] for rule, _ in limited], axis=1)
    # What is to be at least so much is compared as its negative, which is to be at most so much.
    sign = np.array([1 if rule.least is None else -1 for rule, _ in limited])
    fails = values * sign > np.array([limit for _, limit in limited]) * sign
    for name, spared in (("code_share", "prose"), ("prose_share", "shape")):
        if name in measures:
            mostly = measures[name] >= _MOSTLY
            fails &= ~np.outer(mostly, [getattr(rule, spared) for rule, _ in limited])
    return np.asarray(fails)


def _listed(fails: npt.NDArray[np.bool_], names: Sequence[str]) -> pl.Series:
    """The names of the columns that are true, by row; polars makes no lists so fast."""
    import numpy as np
    import polars as pl
    import pyarrow as pa

    values = pa.array(names, pa.large_string()).take(pa.array(np.nonzero(fails)[1]))
    ends = np.concatenate(([0], np.cumsum(fails.sum(axis=1))))
    return pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(pa.array(ends), values)))


def as_json(measures: pl.Series) -> pl.Series:
    """Measures of ``judge`` as they are kept with a document, without those that do not apply."""
    import polars as pl

    columns = {column.name: _rounded(column.to_numpy()) for column in measures.struct.unnest()}
    rounded = pl.DataFrame(columns, nan_to_null=True)
    whole = [name for name in _WHOLE if name in columns]
    encoded = rounded.cast(dict.fromkeys(whole, pl.Int64)).to_struct().struct.json_encode()
    missing = any(column.has_nulls() for column in rounded)
    return encoded.str.replace_all(_NULL, "") if missing else encoded


def _rounded(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Python's ``round``, which looks at all digits of a number, for an array."""
    import numpy as np

    values = np.where(np.isfinite(values), values, np.nan)
    scaled = values * 10**_DIGITS
    found = np.asarray(np.rint(scaled) / 10**_DIGITS)
    for place in np.flatnonzero(np.abs(np.mod(scaled, 1) - 0.5) < _TIE):
        found[place] = round(float(values[place]), _DIGITS)
    return found
