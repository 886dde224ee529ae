"""How much is stored, and on which days, for whom, from where?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING, Literal

from ion_summary.jobs import counting as jobs
from ion_summary.store import counting
from ion_summary.store.counting import Group
from ion_summary.store.storage import SessionSummaryStorage

if TYPE_CHECKING:
    from ion_summary.exports.report import Report

Key = counting.Key | Literal["tag"]

_NOT_TOTALS = ("storage_path", "oldest", "newest")  # the heading says them
_REPORTED: tuple[Key, ...] = ("month", "user", "source", "type", "tag")


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts, sizes (bytes) and the span of time (ISO 8601, UTC) of a store; what was pruned from it, and what its LLM
    summaries have cost (US dollars; days and months are UTC).
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
    pending_jobs: int = 0
    cost_usd: float = 0.0
    pruned_sessions: int = 0
    pruned_messages: int = 0
    failed_summaries: int = 0
    lost_calls: int = 0
    cost_today_usd: float = 0.0
    cost_month_usd: float = 0.0


def stats(storage: SessionSummaryStorage) -> Stats:
    """The counts of the whole store. Raises StoreNotFoundError."""
    storage.require()
    queue, (today, month) = jobs.counts(storage.path), jobs.spent(storage.path)
    return Stats(
        **storage.get_stats(),
        pending_jobs=queue.pending,
        failed_summaries=queue.failed,
        lost_calls=queue.lost,
        cost_usd=round(queue.cost_usd, 6),
        cost_today_usd=round(today, 6),
        cost_month_usd=round(month, 6),
    )


def failures(storage: SessionSummaryStorage) -> dict[str, int]:
    """Why sessions have no LLM summary although one was asked for: the most frequent reasons, and how often each."""
    return dict(jobs.counts(storage.path).reasons)


def stats_by(storage: SessionSummaryStorage, key: Key, tz: tzinfo | None) -> list[Group]:
    """The counts by a property; days and months are those of ``tz`` (None: local). Raises StoreNotFoundError."""
    storage.require()
    if key == "tag":
        from ion_summary.store.tag_counting import by_tag  # all other counts read the catalog alone

        return storage.reading(lambda catalog, _: by_tag(storage.path, catalog))
    return storage.reading(lambda catalog, _: counting.groups(storage.path, catalog, key, tz))


def spending(storage: SessionSummaryStorage, key: Key) -> dict[str, float]:
    """US dollars by the day or month (UTC) on which they were spent, or by user; nothing for other properties."""
    return jobs.spending(storage.path, key) if key in ("day", "month", "user") else {}


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
