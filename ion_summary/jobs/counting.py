"""How many jobs are there in which state, and what was spent, on which days and for whom?

Reads what is there and makes nothing: where there is no queue, there are zeros.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ion_summary.errors import StoreCorruptError
from ion_summary.jobs.database import path_of
from ion_summary.jobs.owners import day_ms, month_ms
from ion_summary.jobs.schema import ANSWERED, BATCHED, CLAIMED, GIVEN_UP, SKIPPED, WAITING

_TOP_REASONS = 10


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """The queue in figures; money in US dollars. ``lost`` calls may have been paid, and count as if they were.

    ``failed`` are sessions whose summary stays the rule-based one for now: ``given_up`` for good, the others are tried
    again. ``reasons`` are the most frequent of them.
    """

    pending: int = 0
    failed: int = 0
    given_up: int = 0
    skipped: int = 0
    calls: int = 0
    lost: int = 0
    cost_usd: float = 0.0
    lost_usd: float = 0.0
    reasons: Mapping[str, int] = field(default_factory=dict)


def counts(root: Path) -> QueueCounts:
    """The figures of the store at ``root``. Raises StoreCorruptError."""
    db = _open(root)
    if db is None:
        return QueueCounts()
    with closing(db), _corrupt(root):
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
            pending=sum(states.get(state, 0) for state in (WAITING, CLAIMED, ANSWERED, BATCHED)),
            failed=states.get(GIVEN_UP, 0) + retried,
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
    return counts(root).pending


def state_of(root: Path, session: str) -> int | None:
    """The state of a session's job (``schema``); None if there is none."""
    db = _open(root)
    if db is None:
        return None
    with closing(db), _corrupt(root):
        row = db.execute("SELECT state FROM job WHERE session = ?", (session,)).fetchone()
    return row[0] if row else None


def settled(root: Path, fingerprint: str) -> dict[str, tuple[str, int]]:
    """The sessions of which asking again, by what ``fingerprint`` names, would bring nothing: the content for which
    that is so, and the state (``GIVEN_UP`` or ``SKIPPED``).
    """
    db = _open(root)
    if db is None:
        return {}
    query = f"SELECT session, content, state FROM job WHERE state = {GIVEN_UP} AND fingerprint = ? OR state = {SKIPPED}"
    with closing(db), _corrupt(root):
        return {session: (content, state) for session, content, state in db.execute(query, (fingerprint,))}


def spending(root: Path, key: str) -> dict[str, float]:
    """US dollars by ``day``, ``month`` (UTC), ``user`` or ``model``. Raises StoreCorruptError."""
    by = {
        "day": "date(sent_ms / 1000, 'unixepoch')",
        "month": "strftime('%Y-%m', sent_ms / 1000, 'unixepoch')",
        "user": "coalesce(user, '')",
        "model": "model",
    }[key]
    db = _open(root)
    if db is None:
        return {}
    with closing(db), _corrupt(root):
        return dict(db.execute(f"SELECT {by}, sum(cost_usd) FROM call GROUP BY 1 ORDER BY 1").fetchall())


def spent(root: Path) -> tuple[float, float]:
    """US dollars since midnight, and since the first of the month, UTC."""
    db = _open(root)
    if db is None:
        return 0.0, 0.0
    query = "SELECT coalesce(sum(cost_usd), 0.0) FROM call WHERE sent_ms >= ?"
    with closing(db), _corrupt(root):
        day, month = (float(db.execute(query, (since(),)).fetchone()[0]) for since in (day_ms, month_ms))
    return day, month


def _open(root: Path) -> sqlite3.Connection | None:
    path = path_of(root)
    if not path.exists():
        return None
    from urllib.parse import quote

    uri = f"file:{quote(str(path))}?mode=ro"
    with _corrupt(root):
        try:
            return _made(uri)
        except sqlite3.OperationalError:  # of a store that may only be read
            return _made(uri + "&immutable=1")


def _made(uri: str) -> sqlite3.Connection | None:
    """A connection; None if the database was just made, and is empty."""
    db = sqlite3.connect(uri, uri=True, isolation_level=None)
    version = 0
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
    finally:
        if not version:
            db.close()
    return db if version else None


@contextmanager
def _corrupt(root: Path) -> Iterator[None]:
    """SQLite's complaints about a file that is no database, as the error that says so."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StoreCorruptError(path=path_of(root), reason=str(error)) from error
