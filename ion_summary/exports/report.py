"""How do the counts of a store look as one page that needs neither network nor script?

A self-contained HTML document: style and pictures (SVG) inside it, every picture told in a table or a caption too,
light and dark by the reader's setting. What comes from the store is escaped, and the page's own policy forbids scripts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from ion_summary.text.clean import one_line

_BAR_DAYS = 90
_WEEKS = 53
_SHADES = 5
_MOST_ROWS = 50
_CELL = 13
_BAR_HEIGHT = 120
_COLUMNS = ("sessions", "messages", "llm", "rule_based")


@dataclass(frozen=True)
class Report:
    """What the page says: ``totals`` by name, sessions per ``days``, and per heading rows of name and counts
    (sessions, messages, summaries by an LLM and by rule), largest first.
    """

    store: str
    made: datetime
    totals: Mapping[str, Any]
    days: Mapping[date, int]
    groups: Mapping[str, Sequence[tuple[str, int, int, int, int]]]


def page(report: Report) -> bytes:
    """The document, in UTF-8."""
    template = Template(files(__package__).joinpath("report.html").read_text(encoding="utf-8"))
    days = report.days
    text = template.substitute(
        store=_inert(report.store),
        made=_inert(report.made.isoformat(" ", "minutes")),
        span=f"{min(days)} to {max(days)}" if days else "no sessions yet",
        totals="".join(f"<div><dt>{_inert(name)}</dt><dd>{_inert(_told(value))}</dd></div>" for name, value in
                       report.totals.items()),
        bars=_bars(days) if days else "",
        bars_span=f"the {_BAR_DAYS} days up to {max(days)}" if days else "",
        calendar=_calendar(days) if days else "",
        calendar_span="a column a week, Monday on top; the stronger the colour, the more" if days else "",
        groups="\n".join(_table(name, rows) for name, rows in report.groups.items() if rows),
    )  # fmt: skip
    return text.encode("utf-8", "replace")


def _inert(value: str) -> str:
    return escape(one_line(value))


def _told(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else "–" if value is None else str(value)


def _bars(days: Mapping[date, int]) -> str:
    newest = max(days)
    shown = [newest - timedelta(days=back) for back in reversed(range(_BAR_DAYS))]
    most = max(days.get(day, 0) for day in shown)
    bars = []
    for place, day in enumerate(shown):
        count = days.get(day, 0)
        height = 0 if not count else max(1, round(count * _BAR_HEIGHT / most))
        if height:
            spot = f'x="{place * 8}" y="{_BAR_HEIGHT - height}" width="6" height="{height}"'
            bars.append(f'<rect class="bar" {spot}><title>{day}: {count:,}</title></rect>')
    base = f'y="{_BAR_HEIGHT + 14}"'
    ends = f'<text x="0" {base}>{shown[0]}</text><text x="{8 * _BAR_DAYS}" {base} text-anchor="end">{newest}</text>'
    total = sum(days.get(day, 0) for day in shown)
    label = f"Sessions per day from {shown[0]} to {newest}: {total:,} in all, at most {most:,} a day"
    return _picture(8 * _BAR_DAYS, _BAR_HEIGHT + 20, label, [*bars, ends])


def _calendar(days: Mapping[date, int]) -> str:
    newest = max(days)
    first = newest - timedelta(days=newest.weekday()) - timedelta(weeks=_WEEKS - 1)
    shown = [first + timedelta(days=number) for number in range((newest - first).days + 1)]
    most = max(days.get(day, 0) for day in shown)
    cells = []
    for number, day in enumerate(shown):
        week, weekday = divmod(number, 7)
        count = days.get(day, 0)
        shade = 0 if not count else 1 + (count * (_SHADES - 1) - 1) // most
        spot = f'x="{week * _CELL}" y="{16 + weekday * _CELL}" width="11" height="11" rx="2"'
        cells.append(f'<rect class="shade{shade}" {spot}><title>{day}: {count:,}</title></rect>')
        if day.day == 1:
            cells.append(f'<text x="{week * _CELL}" y="10">{day:%b}</text>')
    active = sum(day in days for day in shown)
    label = f"Calendar of sessions per day from {first} to {newest}: on {active} days, at most {most:,} a day"
    return _picture(_WEEKS * _CELL, 16 + 7 * _CELL, label, cells)


def _picture(width: int, height: int, label: str, parts: Iterable[str]) -> str:
    return f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _table(name: str, rows: Sequence[tuple[str, int, int, int, int]]) -> str:
    heads = "".join(f'<th scope="col">{column.replace("_", " ")}</th>' for column in _COLUMNS)
    body = "".join(
        f'<tr><th scope="row">{_inert(key) or "–"}</th>{"".join(f"<td>{count:,}</td>" for count in counts)}</tr>'
        for key, *counts in rows[:_MOST_ROWS]
    )
    left_out = len(rows) - _MOST_ROWS
    caption = f"the first {_MOST_ROWS} of {len(rows):,}" if left_out > 0 else f"all {len(rows):,}"
    return (
        f'<section aria-labelledby="by-{name}"><h2 id="by-{name}">By {name}</h2>\n'
        f"<figure><table><caption>{caption}</caption>"
        f'<thead><tr><th scope="col">{name}</th>{heads}</tr></thead><tbody>{body}</tbody></table></figure></section>'
    )
