"""The answer type ``date``: a year, a month of a year, a day; also a day of every year.

    1918-05-03   3 May 1918   May 3rd, 1918   May 1918   1918   44 BC   AD 79   4 July

An answer must be as precise as the truth: ``1918`` does not answer ``May 1918``; ``3 May 1918``
answers ``May 1918``. Options: ``precision`` (``year``, ``month``, ``day``) compares only so far;
``order`` (``dmy``, ``mdy``) reads ``03/04/2020``, which is refused without it.
"""

from __future__ import annotations

import calendar
import functools
import re
from dataclasses import dataclass

from webscale_dagster.verifiers.numerals import plain
from webscale_dagster.verifiers.outcome import OptionError, Options, ParseError

_NAMES = "january february march april may june july august september october november december"
_MONTHS = {name: index for index, name in enumerate(_NAMES.split(), start=1)} | {"sept": 9}
_MONTHS |= {name[:3]: index for name, index in list(_MONTHS.items())}
_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_ERA = r"(?P<era>(?:BCE|BC|CE|AD)\b)"
_YEAR = rf"(?:AD (?P<ad>\d{{1,4}})|(?P<year>\d{{1,6}}(?:,\d{{3}})?)(?: ?{_ERA})?)(?![\d/:.,]*\d)"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        r"(?<!\d)(?P<year>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<day>\d{1,2})(?:T[\d:.]+Z?)?(?!\d)",
        r"(?<!\d)(?P<a>\d{1,2})(?P<by>[-/.])(?P<b>\d{1,2})(?P=by)(?P<year>\d{4})(?!\d)",
        r"(?<!\d)(?P<year>\d{4})-(?P<m>\d{2})(?![\d-])",
        r"(?<!\d)(?P<m>\d{1,2})/(?P<year>\d{4})(?![\d/])",
        rf"(?<!\d){_DAY} ?(?:of )?{_MONTH},? ?(?:of )?{_YEAR}",
        rf"\b{_MONTH} ?(?:the )?{_DAY}(?!\d)(?:,? ?(?:of )?{_YEAR})",
        rf"\b{_MONTH},? ?(?:of )?(?<!\d)(?=AD|\d{{3}}|\d{{1,2}} ?(?:BC|CE|AD)){_YEAR}",
        rf"(?<!\d){_DAY} ?(?:of )?{_MONTH}",
        rf"\b{_MONTH} ?(?:the )?{_DAY}(?!\d)",
        rf"(?<![\d.,/:-])(?=AD|\d{{1,6}}(?:,\d{{3}})? ?{_ERA.replace('?P<era>', '?:')}){_YEAR}",
        # A bare number is a year where nothing else can be meant: `1918`, `in 1918`.
        r"(?:^|\b(?:in|of|year|during|by)\s)(?:(?:about|around|circa|ca?\.|~)\s?)?"
        r"(?P<year>\d{3,6})(?=[\s.,;)!]*$|[,.;)]\s)",
    )
)
_REFUSED = re.compile(
    r"\b(?:not|never|before|after|since|until|between|early|late|mid|spring|summer|autumn|fall"
    r"|winter|centur\w+|decade|millennium|(?:later|earlier|other|rather) than|prior to|instead of"
    r"|anything but|except|eve of|(?:days?|weeks?|months?|years?) (?:from|past)|wrong|incorrect"
    r"|earliest|latest|onwards?)\b|n['’]t\b|\d0'?s\b",
    re.IGNORECASE,
)
_PRECISIONS = ("year", "month", "day")


@dataclass(frozen=True)
class Date:
    """A date as far as it is known; years before the common era are negative."""

    year: int | None
    month: int | None = None
    day: int | None = None

    def __str__(self) -> str:
        """``1918-05-03``, ``44 BC``, ``--07-04``."""
        year = "-" if self.year is None else f"{abs(self.year)}{' BC' if self.year < 0 else ''}"
        return "-".join([year] + [f"{part:02d}" for part in (self.month, self.day) if part])


def parse(text: str, options: Options) -> Date:
    """The one date in the answer."""
    _precision(options)
    order = options.get("order")
    return _read(text, None if order is None else str(order))


@functools.lru_cache(4096)  # a group of completions shares its truth
def _read(text: str, order: str | None) -> Date:
    normal = re.sub(
        r"\b([ABC])\.\s?([CDE])\b\.?(?:\s?(E)\b\.?)?", r"\1\2\3", plain(text), flags=re.I
    )
    if _REFUSED.search(normal):
        raise ParseError("a period, or a side of a date, not a date")
    found: list[Date] = []
    for form in _FORMS:
        matches = list(form.finditer(normal))
        found += [_date(match, order) for match in matches]
        if matches:
            normal = form.sub(lambda match: "_" * len(match[0]), normal)
    if not found:
        raise ParseError("no date in it")
    if len(set(found)) > 1 or re.search(r"\d", normal):
        raise ParseError("several dates, or a number beside the date")
    return found[0]


def differs(answer: Date, truth: Date, options: Options) -> str | None:
    """Two dates differ in a part that the truth has, or the answer lacks such a part."""
    until = _PRECISIONS.index(_precision(options)) + 1
    for name in _PRECISIONS[:until]:
        mine, true = getattr(answer, name), getattr(truth, name)
        if true is None:
            continue
        if mine is None:
            return f"{answer} names no {name}, the truth is {truth}"
        if mine != true:
            return f"{answer} is not {truth}"
    return None


def _precision(options: Options) -> str:
    given = options.get("precision")
    if given is not None and given not in _PRECISIONS:
        raise OptionError("precision must be 'year', 'month' or 'day'")
    return given or "day"


def _date(match: re.Match[str], order: str | None) -> Date:
    parts = match.groupdict()
    year = _year(parts)
    if parts.get("a"):
        day, month = _day_and_month(int(parts["a"]), int(parts["b"]), parts["by"], order)
    else:
        named = parts.get("month")
        month = _MONTHS[named.lower()] if named else int(parts.get("m") or 0)
        day = int(parts.get("day") or 0)
    if not (month or day):
        return Date(year)
    if not 1 <= month <= 12:
        raise ParseError(f"there is no month {month}")
    # Until 1582 the calendar was the Julian one, with a leap year every four years.
    leap = year is None or (year % 4 == 0 if year <= 1582 else calendar.isleap(year))
    longest = 29 if month == 2 and leap else calendar.monthrange(2023, month)[1]
    if day > longest:
        raise ParseError(f"month {month} has no day {day}")
    return Date(year, month, day or None)


def _year(parts: dict[str, str | None]) -> int | None:
    written = parts.get("ad") or parts.get("year")
    if written is None:
        return None
    year = int(written.replace(",", ""))
    era = (parts.get("era") or ("AD" if parts.get("ad") else "")).upper()
    if year == 0:
        raise ParseError("there is no year 0")
    if not era and (year < 100 or "," in written):
        raise ParseError(f"{written} is not a year with its century")
    if year > 2999 and not era.startswith("BC"):
        raise ParseError(f"{written} is not a year")
    return -year if era.startswith("BC") else year


def _day_and_month(a: int, b: int, by: str, order: str | None) -> tuple[int, int]:
    """Which number is the day: told by the options, by stops (day first), or by being > 12."""
    if order not in (None, "dmy", "mdy"):
        raise OptionError("order must be 'dmy' or 'mdy'")
    if order == "dmy" or (order is None and (by == "." or a > 12 or a == b)):
        return a, b
    if order == "mdy" or b > 12:
        return b, a
    raise ParseError("day and month cannot be told apart")
