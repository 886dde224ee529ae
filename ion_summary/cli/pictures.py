"""How do counts per day look in a line, and in a calendar? In characters, readable without colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

BARS = "▁▂▃▄▅▆▇█"
SHADES = "·░▒▓█"
# Where block characters cannot be shown (cp949).
PLAIN_BARS = "_.-=+*#@"
PLAIN_SHADES = ".-+*#"
_DAYS = ("Mon", "", "Wed", "", "Fri", "", "Sun")
_MARGIN = 5


def sparkline(counts: Sequence[int], bars: str = BARS) -> str:
    """One character a count: a space for nothing, else a bar as high as its share of the greatest."""
    most = max(counts, default=0)
    return "".join(" " if count <= 0 else bars[(count * len(bars) - 1) // most] for count in counts)


def last_days(counts: Mapping[date, int], days: int) -> list[tuple[date, int]]:
    """The count of each of the last ``days`` days up to the newest one that has any, days without any included."""
    newest = max(counts)
    return [(day, counts.get(day, 0)) for day in (newest - timedelta(days=back) for back in reversed(range(days)))]


def calendar(counts: Mapping[date, int], width: int, shades: str = SHADES) -> list[str]:
    """A calendar of the year up to the newest day: a column a week, a row a weekday, as many weeks as ``width`` holds.

    ``shades`` go from nothing over the quarters of the greatest count to that count.
    """
    newest = max(counts)
    weeks = max(1, min(53, width - _MARGIN))
    monday = newest - timedelta(days=newest.weekday())
    first = monday - timedelta(weeks=weeks - 1)
    most = max(counts.get(newest - timedelta(days=back), 0) for back in range(7 * weeks))
    lines = [_months(first, weeks)]
    for weekday, name in enumerate(_DAYS):
        days = (first + timedelta(weeks=week, days=weekday) for week in range(weeks))
        cells = (" " if day > newest else _shade(counts.get(day, 0), most, shades) for day in days)
        lines.append(f"{name:<{_MARGIN}}" + "".join(cells).rstrip())
    lines.append(f"{'':<{_MARGIN}}less {' '.join(shades)} more (the darkest: {most:,} a day)")
    return lines


def _shade(count: int, most: int, shades: str) -> str:
    return shades[0] if count <= 0 else shades[1 + (count * (len(shades) - 1) - 1) // most]


def _months(first: date, weeks: int) -> str:
    """The name of each month above the week in which it begins, and of the first one where that leaves room."""
    line = " " * _MARGIN
    for week in range(weeks):
        sunday = first + timedelta(weeks=week, days=6)
        begins = (sunday + timedelta(weeks=3)).month == sunday.month if week == 0 else sunday.day <= 7
        if begins and week + 3 <= weeks:
            line = line.ljust(_MARGIN + week) + _MONTHS[sunday.month - 1]
    return line.rstrip()


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
