"""How do stored records leave for other tools, without being held in memory all at once?

Days are read one after the other, oldest first, each at one moment: an export may go on while others write.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC
from typing import IO

from ion_summary.exports.exporter import Exported, Writer
from ion_summary.model import Message, SessionSummary
from ion_summary.operations.stats import days
from ion_summary.progress import Progress
from ion_summary.store.layout import DAY_MS, EPOCH_DAY
from ion_summary.store.partition import DamagedLineError
from ion_summary.store.query import Query
from ion_summary.store.storage import SessionSummaryStorage

# More than a day's partition can hold lines.
_ALL = 1 << 24


@dataclass(frozen=True)
class ExportRequest:
    """Which records: all that ``query`` matches, whatever its limit. ``messages`` if their sessions go with them."""

    query: Query
    messages: bool = False


@dataclass
class ExportReport:
    """How many records went out, and how many without the messages that were asked for: not kept, or damaged."""

    records: int = 0
    without_messages: int = 0


def export(
    storage: SessionSummaryStorage, request: ExportRequest, write: Writer, file: IO[bytes], progress: Progress
) -> ExportReport:
    """Writes the records to ``file``, oldest first.

    Raises:
        StoreNotFoundError: there is no store.
        MissingExtraError: the format needs a package that is not installed.
    """
    storage.require()
    report = ExportReport()
    write(_items(storage, request, report, progress), file)
    progress.finish()
    return report


def _items(
    storage: SessionSummaryStorage, request: ExportRequest, report: ExportReport, progress: Progress
) -> Iterator[Exported]:
    for record in _records(storage, request.query, progress):
        messages = _messages(storage, record.session_id) if request.messages else None
        report.records += 1
        report.without_messages += request.messages and messages is None
        yield Exported(record, messages)


def _messages(storage: SessionSummaryStorage, session_id: str) -> list[Message] | None:
    try:
        return storage.messages(session_id)
    except DamagedLineError:
        return None


def _records(storage: SessionSummaryStorage, query: Query, progress: Progress) -> Iterator[SessionSummary]:
    per_day = days(storage, UTC)
    progress.start("export", sum(count for _, count in per_day), "records")
    for day, count in per_day:
        first = (day.toordinal() - EPOCH_DAY) * DAY_MS
        last = first + DAY_MS - 1
        since = first if query.since_ms is None else max(first, query.since_ms)
        until = last if query.until_ms is None else min(last, query.until_ms)
        if since <= until:
            of_day = replace(query, since_ms=since, until_ms=until, limit=_ALL, offset=0, sort="oldest")
            yield from (record for record, _ in storage.find(of_day)[1])
        progress.advance(count)
