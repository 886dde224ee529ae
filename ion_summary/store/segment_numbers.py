"""Which numbers do the segments have for what is asked, and which of these stand for a record by now?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain

from ion_summary.store.catalog import DAY_SHIFT, Catalog
from ion_summary.store.layout import month_of
from ion_summary.store.segments import ALL, Segments, Span


class SegmentNumbers:
    """The numbers in the segments at one moment; where they are not only counted, those of ``span``."""

    def __init__(self, catalog: Catalog, segments: Segments, span: Span) -> None:
        self._catalog = catalog
        self._segments = segments
        self._span = span

    @cached_property
    def indexed(self) -> Mapping[int, int]:
        """Per day the byte up to which its lines are in their segment (-1: its numbers are stale)."""
        return self._segments.indexed()

    @cached_property
    def superseded(self) -> set[int]:
        """Those of lines that newer ones of their sessions have superseded: they stay in their segment."""
        return {number for (number,) in self._catalog.db.execute("SELECT id FROM superseded")}

    @cached_property
    def _stale(self) -> set[int]:
        return {day for day, upto in self.indexed.items() if upto < 0}

    @cached_property
    def stale_months(self) -> set[str]:
        """The months whose segment holds numbers that stand for nothing, or for something else, by now."""
        return {month_of(day) for day in self._stale}

    def unknown_months(self) -> set[str]:
        """The months of whose segment the catalog, looked at a moment before, does not know all lines yet."""
        there = self._catalog.partitions()
        return {month_of(day) for day, upto in self.indexed.items() if day in there and upto > there[day][0]}

    def all(self, expression: str) -> Iterator[int]:
        """Those that match, greatest first."""
        return chain.from_iterable(self.of_month(expression, month) for month in self._months())

    def of_month(self, expression: str, month: str) -> Iterator[int]:
        """Those that match of a month, greatest first."""
        stale, numbers = self._stale, self._segments.numbers(expression, month, self._span)
        return (number for number in numbers if number >> DAY_SHIFT not in stale) if stale else numbers

    def count(self, expression: str, months: Sequence[str]) -> int:
        """How many match of some months, without those of superseded lines."""
        sound = [month for month in months if month not in self.stale_months]
        total = sum(self._segments.counts(expression, sound).values())
        for month in self.stale_months.intersection(months):
            total += sum(self._segments.count_in(expression, month, span) for span in self._sound_spans(month))
        days = {number >> DAY_SHIFT for number in self.superseded}
        for month in {month_of(day) for day in days}.intersection(months):
            total -= sum(number in self.superseded for number in self.of_month(expression, month))
        return total

    def _months(self) -> list[str]:
        months = self._segments.months()
        if self._span == ALL:
            return months
        oldest, newest = (month_of(number >> DAY_SHIFT) for number in self._span)
        return [month for month in months if oldest <= month <= newest]

    def _sound_spans(self, month: str) -> Iterator[Span]:
        """The numbers in a month's segment that stand for what they stood for when they came into it."""
        start, end = ALL
        for day in sorted(day for day in self._stale if month_of(day) == month):
            if start < day << DAY_SHIFT:
                yield start, (day << DAY_SHIFT) - 1
            start = day + 1 << DAY_SHIFT
        yield start, end
