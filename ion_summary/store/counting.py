"""How much is in the store, from when, whose, and on which days?"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ion_summary.store import layout
from ion_summary.store.catalog import NEVER, Catalog
from ion_summary.store.tombstones import Counts, Tombstones

Key = Literal["day", "month", "user", "source", "type"]

_PRUNED = ("pruned_sessions", "pruned_messages")
_DAY_MS = 24 * 3600 * 1000


class Group(NamedTuple):
    """The sessions that have something in common: ``key`` is a day, a month, a user, a source, a type or a tag.

    ``pruned`` counts those of a day or a month that were there besides.
    """

    key: str
    sessions: int
    llm: int
    rule_based: int
    messages: int
    pruned: int = 0


def empty(root: Path) -> dict[str, Any]:
    """The counts of a store that is not there yet."""
    zeros = ("total_sessions", "llm_summaries", "rule_based_summaries", "recent_24h", "users", "messages", *_PRUNED)
    rest = {"storage_path": str(root), "storage_bytes": 0, "partitions": 0, "oldest": None, "newest": None}
    return dict.fromkeys(zeros, 0) | rest


def counts(root: Path, catalog: Catalog) -> dict[str, Any]:
    """Counts, sizes and time span, by the names of ``stats --json``."""
    ask = catalog.db.execute
    sessions, llm, messages, partitions = ask(
        "SELECT coalesce(sum(sessions), 0), coalesce(sum(llm), 0), coalesce(sum(messages), 0), count(*) FROM partition"
    ).fetchone()
    # Apart: together SQLite would read the whole index for them, each alone is its first or last entry.
    (oldest,) = ask("SELECT min(created) FROM record").fetchone()
    (newest,) = ask("SELECT max(created) FROM record").fetchone()
    a_day_ago = time.time_ns() // 1_000_000 - _DAY_MS
    (users,) = ask("SELECT count(*) FROM name WHERE sessions > 0").fetchone()
    listed = (layout.record_partitions, layout.transcript_partitions, layout.sealed_partitions)
    parts = [stat for partitions in listed for stat in partitions(root).values()]
    pruned = Tombstones.read(root).pruned_counts().values()
    return {
        "total_sessions": sessions,
        "llm_summaries": llm,
        "rule_based_summaries": sessions - llm,
        "recent_24h": catalog.count_between(a_day_ago + 1, NEVER),
        "users": users,
        "messages": messages,
        "storage_path": str(root),
        "storage_bytes": sum(stat.st_size for stat in parts),
        "partitions": partitions,
        "oldest": None if oldest is None else layout.from_ms(oldest),
        "newest": None if newest is None else layout.from_ms(newest),
        "pruned_sessions": sum(each.sessions for each in pruned),
        "pruned_messages": sum(each.messages for each in pruned),
    }


def groups(root: Path, catalog: Catalog, key: Key, tz: tzinfo | None) -> list[Group]:
    """Counts by a column of the catalog; days and months in ``tz`` (None: local) in order, others largest first."""
    if key in ("day", "month"):
        digits = 10 if key == "day" else 7
        return _with_pruned(_by_time(catalog, digits, tz), Tombstones.read(root).pruned_counts(), digits)
    columns = {
        "user": "(SELECT name FROM name WHERE id = record.user)",
        "source": "(SELECT name FROM source WHERE id = record.source)",
        "type": "CASE type WHEN 1 THEN 'llm' ELSE 'rule_based' END",
    }
    by = {"user": "user", "source": "source", "type": "type"}[key]
    query = (
        f"SELECT coalesce({columns[key]}, ''), count(*), sum(type), count(*) - sum(type), sum(messages)"
        f" FROM record GROUP BY {by} ORDER BY 2 DESC, 1"
    )
    return [Group(*row) for row in catalog.db.execute(query)]


def _by_time(catalog: Catalog, digits: int, tz: tzinfo | None) -> list[Group]:
    """Adds up quarters of an hour, then the quarters of each local day: every zone's midnight is on a quarter."""
    quarter = 15 * 60 * 1000
    query = (
        f"SELECT created / {quarter}, count(*), sum(type), sum(messages) FROM record"
        f" GROUP BY created / {quarter} ORDER BY 1"
    )
    found: dict[str, list[int]] = {}
    local_day = _local_day(tz)
    for number, sessions, llm, messages in catalog.db.execute(query):
        group = found.setdefault(local_day(number * quarter // 1000)[:digits], [0, 0, 0])
        group[0] += sessions
        group[1] += llm
        group[2] += messages
    return [Group(key, n, llm, n - llm, messages) for key, (n, llm, messages) in sorted(found.items())]


def _with_pruned(there: list[Group], pruned: dict[int, Counts], digits: int) -> list[Group]:
    """Adds what was pruned, of which only the day in UTC is known."""
    found = {group.key: group for group in there}
    for day, counts in pruned.items():
        key = date.fromordinal(day).isoformat()[:digits]
        group = found.get(key, Group(key, 0, 0, 0, 0))
        found[key] = group._replace(pruned=group.pruned + counts.sessions)
    return sorted(found.values())


def _local_day(tz: tzinfo | None) -> Callable[[int], str]:
    if tz is None:
        return lambda seconds: datetime.fromtimestamp(seconds, UTC).astimezone().date().isoformat()
    return lambda seconds: datetime.fromtimestamp(seconds, tz).date().isoformat()
