"""How many jobs are there in which state, and what was spent, on which days and for whom?

Reads what is there and makes nothing: where there is no queue, there are zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from ion_summary.jobs.job import COLUMNS, Filter, Job
from ion_summary.jobs.owners import day_ms, month_ms
from ion_summary.jobs.reading import open_for_reading, reading
from ion_summary.jobs.schema import ANSWERED, BATCHED, CLAIMED, GIVEN_UP, SKIPPED, WAITING

_TOP_REASONS = 10


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """The queue in figures; money in US dollars. ``lost`` calls may have been paid, and count as if they were.

    Each job is counted once: ``pending`` ones have not failed, ``retried`` ones have, and are tried again, ``given_up``
    ones keep their rule-based summary for good. ``reasons`` are the most frequent ones of both.
    """

    pending: int = 0
    retried: int = 0
    given_up: int = 0
    skipped: int = 0
    calls: int = 0
    lost: int = 0
    cost_usd: float = 0.0
    lost_usd: float = 0.0
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """The sessions whose summary stays the rule-based one, for now or for good."""
        return self.retried + self.given_up

    @property
    def unfinished(self) -> int:
        """The jobs that are not in their records yet."""
        return self.pending + self.retried


def counts(root: Path) -> QueueCounts:
    """The figures of the store at ``root``. Raises StoreCorruptError."""
    db = open_for_reading(root)
    if db is None:
        return QueueCounts()
    with closing(db), reading(root):
        states = dict(db.execute("SELECT state, count(*) FROM job GROUP BY state"))
        retried = db.execute(f"SELECT count(*) FROM job WHERE state = {WAITING} AND code IS NOT NULL").fetchone()[0]
        reasons = db.execute(
            f"SELECT reason, count(*) FROM job WHERE state = {GIVEN_UP} OR state = {WAITING} AND code IS NOT NULL"
            f" GROUP BY reason ORDER BY 2 DESC, 1 LIMIT {_TOP_REASONS}"
        )
        lost = "outcome = 'lost'"
        calls, cost, lost_calls, lost_usd = db.execute(
            "SELECT count(*), coalesce(sum(cost_usd), 0.0), coalesce(sum(outcome IS 'lost'), 0),"
            f" coalesce(sum(cost_usd) FILTER (WHERE {lost}), 0.0) FROM call"
        ).fetchone()
        return QueueCounts(
            pending=sum(states.get(state, 0) for state in (WAITING, CLAIMED, ANSWERED, BATCHED)) - retried,
            retried=retried,
            given_up=states.get(GIVEN_UP, 0),
            skipped=states.get(SKIPPED, 0),
            calls=calls,
            lost=lost_calls,
            cost_usd=cost,
            lost_usd=lost_usd,
            reasons=dict(reasons.fetchall()),
        )


def pending(root: Path) -> int:
    """How many jobs of a store are not in their records yet."""
    return counts(root).unfinished


def state_of(root: Path, session: str) -> int | None:
    """The state of a session's job (``schema``); None if there is none."""
    db = open_for_reading(root)
    if db is None:
        return None
    with closing(db), reading(root):
        row = db.execute("SELECT state FROM job WHERE session = ?", (session,)).fetchone()
    return row[0] if row else None


def waiting(root: Path, wanted: Filter, limit: int | None = None) -> list[Job]:
    """Jobs that wait, due or not, in the order in which they will be worked off."""
    db = open_for_reading(root)
    if db is None:
        return []
    where, values = wanted.where()
    query = f"SELECT {COLUMNS} FROM job WHERE state = {WAITING} AND {where} ORDER BY priority DESC, id LIMIT ?"
    with closing(db), reading(root):
        return [Job(*row) for row in db.execute(query, (*values, -1 if limit is None else limit))]


def ended_before(root: Path, instant_ms: int) -> list[tuple[str, int]]:
    """The sessions in the queue that ended before an instant, and when (both epoch milliseconds)."""
    db = open_for_reading(root)
    if db is None:
        return []
    with closing(db), reading(root):
        return db.execute("SELECT session, ended_ms FROM job WHERE ended_ms < ?", (instant_ms,)).fetchall()


def settled(root: Path, fingerprint: str) -> dict[str, tuple[str, int]]:
    """The sessions of which asking again, by what ``fingerprint`` names, would bring nothing: the content for which
    that is so, and the state (``GIVEN_UP`` or ``SKIPPED``).
    """
    db = open_for_reading(root)
    if db is None:
        return {}
    query = f"SELECT session, content, state FROM job WHERE state = {GIVEN_UP} AND fingerprint = ? OR state = {SKIPPED}"
    with closing(db), reading(root):
        return {session: (content, state) for session, content, state in db.execute(query, (fingerprint,))}


def spending(root: Path, key: str) -> dict[str, float]:
    """US dollars by ``day``, ``month`` (UTC), ``user`` or ``model``. Raises StoreCorruptError."""
    by = {
        "day": "date(sent_ms / 1000, 'unixepoch')",
        "month": "strftime('%Y-%m', sent_ms / 1000, 'unixepoch')",
        "user": "coalesce(user, '')",
        "model": "model",
    }[key]
    db = open_for_reading(root)
    if db is None:
        return {}
    with closing(db), reading(root):
        return dict(db.execute(f"SELECT {by}, sum(cost_usd) FROM call GROUP BY 1 ORDER BY 1").fetchall())


def spent(root: Path) -> tuple[float, float]:
    """US dollars since midnight, and since the first of the month, UTC."""
    db = open_for_reading(root)
    if db is None:
        return 0.0, 0.0
    query = "SELECT coalesce(sum(cost_usd), 0.0) FROM call WHERE sent_ms >= ?"
    with closing(db), reading(root):
        day, month = (float(db.execute(query, (since(),)).fetchone()[0]) for since in (day_ms, month_ms))
    return day, month
