"""What is one line of a WhatsApp export, and is 3/4 in it the third of April or the fourth of March?

The shape follows the language and the region of the phone, of which the export says nothing. What is the day and what
the month is decided for the whole file: by what can be a date, then by which reading goes forward in small steps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache
from typing import NamedTuple

MARKS = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Marks of direction, which the app puts before what it writes itself, and anywhere."""
_HALF = r"오전|오후|上午|下午|午前|午後|[AP]M"
_START = (
    r"[\u200e\u200f\u202a-\u202e\ufeff]*(?P<bracket>\[)?"
    r"(?P<a>\d{1,4})(?P<mark>[./-]) ?(?P<b>\d{1,2})(?P=mark) ?(?P<c>\d{1,4})\.?,?\s(?:klo |at |um |kl\. )?"
    rf"(?:(?P<p>{_HALF})\s?)?(?P<h>\d{{1,2}})[:.](?P<n>\d{{2}})(?:[:.](?P<s>\d{{2}}))?"
    r"(?:\s?(?P<q>[aApP]\.?\s?[mM]\.?|오전|오후))?"
)
# Android ends the time with a dash, iOS with a bracket, which it has opened.
_LINE = re.compile(rf"{_START}(?(bracket)\]|\s[-–]) (?P<rest>.*)$", re.S)
_AFTERNOON = ("오후", "下午", "午後", "pm")
_FIRST_YEAR, _LAST_YEAR = 2009, 2099
"""There was no WhatsApp before, and its years have two digits."""


class Line(NamedTuple):
    """A line that begins something: the three numbers of its date in order, its time, and what follows."""

    numbers: tuple[str, str, str]
    clock: time
    half: str
    mark: str
    rest: str


class Said(NamedTuple):
    """Who said what."""

    name: str
    text: str


def line(text: str) -> Line | None:
    """What the line ``text`` begins; None if it continues the message before."""
    if not (match := _LINE.match(text)):
        return None
    half = match["p"] or match["q"] or ""
    clock = _clock(int(match["h"]), int(match["n"]), int(match["s"] or 0), half)
    return Line((match["a"], match["b"], match["c"]), clock, half, match["mark"], match["rest"]) if clock else None


def _clock(hour: int, minute: int, second: int, half: str) -> time | None:
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if re.sub(r"[.\s]", "", half).lower() in _AFTERNOON else 0)
    try:
        return time(hour, minute, second)
    except ValueError:
        return None


def said(rest: str) -> Said | None:
    """The name before the first ``": "`` and what follows; None for a line of the room's own.

    A quotation mark that is open there belongs to a title: ``Anna changed the subject to "Plan: B"``.
    """
    name, colon, text = rest.partition(": ")
    if not colon and rest.endswith(":"):
        name, colon = rest[:-1], ":"
    if not colon or name.count('"') % 2 or name.count("“") > name.count("”"):
        return None
    name = MARKS.sub("", name).replace("\u00a0", " ").strip().removeprefix("~").strip()
    return Said(name, text) if name else None


ORDERS = ("dmy", "mdy", "ymd")
_ENOUGH = 100
"""Days after which an order is chosen, if a quarter of them speaks against every other."""


@lru_cache(maxsize=64)
def day(numbers: tuple[str, str, str], order: str) -> date | None:
    """The date that three numbers mean in ``order``; None if they mean none."""
    found = dict(zip(order, numbers, strict=True))
    if len(found["y"]) not in (2, 4) or len(found["m"]) > 2 or len(found["d"]) > 2:
        return None
    year = int(found["y"]) + (2000 if len(found["y"]) == 2 else 0)
    try:
        return date(year, int(found["m"]), int(found["d"])) if _FIRST_YEAR <= year <= _LAST_YEAR else None
    except ValueError:
        return None


@dataclass(slots=True)
class _Candidate:
    """An order, and what speaks against it: dates that cannot be, steps back in time, days in all steps together."""

    order: str
    wrong: int = 0
    back: int = 0
    days: int = 0
    last: date | None = None

    def take(self, numbers: tuple[str, str, str]) -> None:
        today = day(numbers, self.order)
        if today is None:
            self.wrong += 1
            return
        if self.last:
            self.back += today < self.last
            self.days += abs((today - self.last).days)
        self.last = today


def order(lines: Iterable[Line | str]) -> str:
    """The order of day, month and year in a file of these ``lines``, texts being lines that begin nothing.

    Of the evidence only counts are kept. Where it leaves the choice open (a single day, say), the region decides:
    Korean exports have the year first, those with AM and PM in capitals are American.
    """
    candidates = [_Candidate(each) for each in ORDERS]
    before: tuple[str, str, str] | None = None
    usual = ""
    days = 0
    for each in lines:
        if not isinstance(each, Line):
            continue
        usual = usual or _usual(each)
        if said(each.rest) is None and re.search("[가-힣]", each.rest):
            usual = "ymd"
        if each.numbers != before:
            before = each.numbers
            for candidate in candidates:
                candidate.take(each.numbers)
            days += 1
            if (
                days % _ENOUGH == 0
                and sum(candidate.wrong + candidate.back < _ENOUGH // 4 for candidate in candidates) == 1
            ):
                break
    return min(candidates, key=lambda each: (each.wrong, each.back, each.days, each.order != usual)).order


def _usual(first: Line) -> str:
    """The order that is usual where lines look like ``first``."""
    if first.half[:1] in "오上下午" and first.half:
        return "ymd"
    if first.half in ("AM", "PM"):
        return "mdy" if first.mark == "/" else "dmy"
    return "dmy"
