from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ion_summary.cli import pictures

COUNTS = st.dictionaries(st.dates(date(2020, 1, 1), date(2027, 12, 31)), st.integers(1, 10**6), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ([], ""),
        ([0, 0], "  "),
        ([1], "█"),
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], " ▁▂▃▄▅▆▇█"),
        ([1, 1000], "▁█"),
        ([7, 7], "██"),
    ],
)
def test_sparkline(counts: list[int], line: str) -> None:
    assert pictures.sparkline(counts) == line


@given(st.lists(st.integers(0, 10**9), max_size=60))
def test_sparkline_rises_with_the_counts(counts: list[int]) -> None:
    line = pictures.sparkline(counts)
    heights = [(" " + pictures.BARS).index(bar) for bar in line]
    assert len(line) == len(counts)
    for left, right in zip(
        sorted(zip(counts, heights, strict=True)), sorted(zip(counts, heights, strict=True))[1:], strict=False
    ):
        assert left[1] <= right[1]
    assert all((count > 0) == (height > 0) for count, height in zip(counts, heights, strict=True))


def test_last_days_include_the_empty_ones() -> None:
    newest = date(2026, 3, 1)
    assert pictures.last_days({newest: 2, newest - timedelta(days=2): 1}, 4) == [
        (date(2026, 2, 26), 0),
        (date(2026, 2, 27), 1),
        (date(2026, 2, 28), 0),
        (date(2026, 3, 1), 2),
    ]


def test_calendar_puts_each_day_into_its_week() -> None:
    # 2026-01-04 was a Sunday, 2026-01-05 the Monday after it.
    lines = pictures.calendar({date(2026, 1, 4): 1, date(2026, 1, 5): 8, date(2025, 12, 31): 4}, width=9)
    assert lines == [
        "",
        "Mon  ···█",
        "     ···",
        "Wed  ··▒",
        "     ···",
        "Fri  ···",
        "     ···",
        "Sun  ··░",
        "     less · ░ ▒ ▓ █ more (the darkest: 8 a day)",
    ]


def test_calendar_names_the_month_above_its_first_week() -> None:
    header = pictures.calendar({date(2026, 12, 31): 1}, width=120)[0]
    assert " ".join(header.split()) == "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
    first = date(2026, 12, 28) - timedelta(weeks=52)
    for month in ("Feb", "Jul", "Nov"):
        week = first + timedelta(weeks=header.index(month) - 5)
        days = [week + timedelta(days=day) for day in range(7)]
        assert any(day.day == 1 and day.strftime("%b") == month for day in days)


@given(COUNTS, st.integers(1, 200))
def test_calendar_fits_and_shows_every_day_of_its_weeks(counts: dict[date, int], width: int) -> None:
    lines = pictures.calendar(counts, width)
    weeks = max(1, min(53, width - 5))
    grid = [line[5:] for line in lines[1:8]]
    assert all(len(line) <= weeks for line in grid)
    assert len(lines[0]) <= 5 + weeks
    newest = max(counts)
    start = newest - timedelta(days=newest.weekday(), weeks=weeks - 1)
    shown = sum(1 for day in counts if day >= start)
    assert sum(cell not in "· " for line in grid for cell in line) == shown


def test_plain_characters_stand_in_for_blocks() -> None:
    assert pictures.sparkline([1, 8], pictures.PLAIN_BARS).isascii()
    assert "".join(pictures.calendar({date(2026, 1, 4): 1}, 40, pictures.PLAIN_SHADES)).isascii()
