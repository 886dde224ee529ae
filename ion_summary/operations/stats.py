"""How much is stored, and on which days, for whom, from where?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING, Any, Literal

from ion_summary.errors import QueueCorruptError
from ion_summary.jobs import counting as jobs
from ion_summary.store import counting
from ion_summary.store.counting import Group
from ion_summary.store.storage import SessionSummaryStorage

if TYPE_CHECKING:
    from ion_summary.exports.report import Report

Key = counting.Key | Literal["tag"]

_OF_QUEUE = ("pending_jobs", "failed_summaries", "lost_calls", "cost_usd", "cost_today_usd", "cost_month_usd")
_NOT_TOTALS = ("storage_path", "oldest", "newest")  # the heading says them
_REPORTED: tuple[Key, ...] = ("month", "user", "source", "type", "tag")


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts, sizes (bytes) and the span of time (ISO 8601, UTC) of a store; what was pruned from it, and what its LLM
    summaries have cost (US dollars; days and months are UTC). None: the queue is broken, and cannot tell.
    """

    total_sessions: int
    llm_summaries: int
    rule_based_summaries: int
    recent_24h: int
    users: int
    messages: int
    storage_path: str
    storage_bytes: int
    partitions: int
    oldest: str | None
    newest: str | None
    pending_jobs: int | None = 0
    cost_usd: float | None = 0.0
    pruned_sessions: int = 0
    pruned_messages: int = 0
    failed_summaries: int | None = 0
    lost_calls: int | None = 0
    cost_today_usd: float | None = 0.0
    cost_month_usd: float | None = 0.0


def stats(storage: SessionSummaryStorage) -> Stats:
    """The counts of the whole store. Raises StoreNotFoundError."""
    storage.require()
    return Stats(**storage.get_stats(), **_of_queue(storage))


def _of_queue(storage: SessionSummaryStorage) -> dict[str, Any]:
    try:
        queue, (today, month) = jobs.counts(storage.path), jobs.spent(storage.path)
    except QueueCorruptError:
        return dict.fromkeys(_OF_QUEUE)
    values = (queue.pending, queue.failed, queue.lost, *(round(usd, 6) for usd in (queue.cost_usd, today, month)))
    return dict(zip(_OF_QUEUE, values, strict=True))


def failures(storage: SessionSummaryStorage) -> dict[str, int]:
    """Why sessions have no LLM summary although one was asked for: the most frequent reasons, and how often each."""
    try:
        return dict(jobs.counts(storage.path).reasons)
    except QueueCorruptError:
        return {}


def stats_by(storage: SessionSummaryStorage, key: Key, tz: tzinfo | None) -> list[Group]:
    """The counts by a property; days and months are those of ``tz`` (None: local). Raises StoreNotFoundError."""
    storage.require()
    if key == "tag":
        from ion_summary.store.tag_counting import by_tag  # all other counts read the catalog alone

        return storage.reading(lambda catalog, _: by_tag(storage.path, catalog))
    return storage.reading(lambda catalog, _: counting.groups(storage.path, catalog, key, tz))


def spending(storage: SessionSummaryStorage, key: Key) -> dict[str, float] | None:
    """US dollars by the day or month (UTC) on which they were spent, or by user; nothing for other properties.

    None: the queue is broken, and cannot tell.
    """
    try:
        return jobs.spending(storage.path, key) if key in ("day", "month", "user") else {}
    except QueueCorruptError:
        return None


def days(storage: SessionSummaryStorage, tz: tzinfo | None) -> list[tuple[date, int]]:
    """The days that have or had sessions, and how many, in order."""
    return [(date.fromisoformat(group.key), group.sessions + group.pruned) for group in stats_by(storage, "day", tz)]


def report(storage: SessionSummaryStorage, tz: tzinfo | None, made: datetime) -> Report:
    """What the page of ``stats --html`` says, as of ``made``. Raises StoreNotFoundError."""
    from ion_summary.exports.report import Report  # counting alone needs nothing of it

    counted = asdict(stats(storage))
    totals = {name.replace("_", " "): value for name, value in counted.items() if name not in _NOT_TOTALS}
    by = {key: stats_by(storage, key, tz) for key in _REPORTED}
    by["month"].reverse()
    groups: dict[str, Sequence[tuple[str, int, int, int, int]]] = {
        key: [(each.key, each.sessions, each.messages, each.llm, each.rule_based) for each in found]
        for key, found in by.items()
    }
    return Report(storage.path.name, made, totals, dict(days(storage, tz)), groups)
