"""What was asked of the provider, when, for whom, and what has it cost?

A call is entered before it is made, with what it may cost, and closed when its answer is kept. One that is open when
its process dies becomes ``lost``: it may have been paid, and counts as if it was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ion_summary.jobs.database import transaction
from ion_summary.jobs.owners import day_ms, month_ms, now_ms
from ion_summary.jobs.queue import Queue
from ion_summary.jobs.results import keep_result

Mode = Literal["online", "batch"]
_UNDER_WAY = "SELECT 1 FROM call WHERE key = ? AND outcome IS NULL AND mode = 'online' LIMIT 1"


@dataclass(frozen=True, slots=True)
class Sent:
    """A call that is about to be made: for which session and user, and what it is estimated to cost."""

    session: str
    user: str
    key: str
    model: str
    cost_usd: float
    mode: Mode = "online"


@dataclass(frozen=True, slots=True)
class Billed:
    """What a call has cost, by what the provider reports: tokens, and US dollars."""

    model: str
    input: int
    output: int
    cached: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the ledger. ``outcome`` is ``answered``, ``failed``, ``lost``, or None while it is under way."""

    session: str | None
    user: str | None
    mode: str
    model: str
    sent_ms: int
    outcome: str | None
    reason: str | None
    input: int
    output: int
    cached: int
    cost_usd: float


class Ledger:
    """The calls of a queue's store, entered in the name of the queue's owner."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._added_up: dict[str, tuple[int, tuple[float, ...]]] = {}

    def enter(self, sent: Sent) -> int | None:
        """Notes that a call is about to be made; its number. When this returns, a kill does not hide it.

        None if there is a result under that key by now, or somebody else has just sent for it.
        """
        owner = self._queue.owner
        with self._queue.lock, transaction(self._queue.db) as db:
            return None if _is_known(db, sent.key) else _enter(db, owner, sent)

    def is_busy(self, key: str) -> bool:
        """Whether a call for the same result is under way in any process (a batch may take a day: not those)."""
        with self._queue.lock:
            return self._queue.db.execute(_UNDER_WAY, (key,)).fetchone() is not None

    def answered(self, number: int, billed: Billed, sent: Sent, body: str) -> None:
        """Closes a call and keeps its answer, at once."""
        with self._queue.lock, transaction(self._queue.db) as db:
            self._close(db, number, "answered", None, billed)
            keep_result(db, sent.key, body, sent.session)

    def failed(self, number: int, billed: Billed, reason: str) -> None:
        """Closes a call that gave nothing to keep; what it cost all the same is noted."""
        with self._queue.lock, transaction(self._queue.db) as db:
            self._close(db, number, "failed", reason, billed)

    def lost(self, number: int, reason: str) -> None:
        """Closes a call whose answer never came: it may be paid, and counts as it was estimated."""
        with self._queue.lock, transaction(self._queue.db) as db:
            db.execute(
                "UPDATE call SET outcome = 'lost', ended_ms = ?, reason = ? WHERE id = ?", (now_ms(), reason, number)
            )

    def give_up_open(self) -> None:
        """Closes what this owner has left open, when it has no call under way: as ``lost``, for it may be paid.

        A disk that is full keeps an answer from being kept, and its call from being closed.
        """
        owner = self._queue.owner
        with self._queue.lock, transaction(self._queue.db) as db:
            db.execute(
                "UPDATE call SET outcome = 'lost', ended_ms = ?, reason = 'its answer could not be kept'"
                " WHERE owner = ? AND outcome IS NULL AND mode = 'online'",
                (now_ms(), owner),
            )

    def of_this_run(self) -> Billed:
        """What all calls of this owner have cost; ``model`` is empty."""
        columns = ("input", "output", "cached", "cost_usd")
        asked, answered, cached, cost_usd = self._sums(columns, "owner = ?", [self._queue.owner])
        return Billed("", int(asked), int(answered), int(cached), cost_usd)

    def spent_in_this_run(self) -> float:
        """US dollars that the calls of this owner have cost which are no longer under way."""
        return self._sums(("cost_usd",), "owner = ? AND outcome IS NOT NULL", [self._queue.owner])[0]

    def spent_since(self, since_ms: int) -> float:
        """US dollars since then. What others have under way, and what was lost, counts as estimated."""
        where = "+sent_ms >= ? AND NOT (outcome IS NULL AND +owner = ?)"
        return self._sums(("cost_usd",), where, [since_ms, self._queue.owner])[0]

    def _sums(self, columns: Sequence[str], where: str, values: Sequence[int]) -> tuple[float, ...]:
        """The sums of some columns over the lines that are meant.

        Asked again, it looks at the newest lines only: those before the first open one do not change any more.
        """
        query = f"SELECT {', '.join(f'coalesce(sum({each}), 0.0)' for each in columns)} FROM call WHERE {where} AND id"
        key = f"{where} {values}"
        with self._queue.lock:
            db = self._queue.db
            end = db.execute("SELECT coalesce(max(id), 0) + 1 FROM call").fetchone()[0]
            # By the index of open calls: there are few, unless a batch is under way.
            opened = "SELECT min(+id) FROM call INDEXED BY call_open WHERE outcome IS NULL"
            first_open = db.execute(opened).fetchone()[0] or end
            begin, known = self._added_up.get(key, (0, (0.0,) * len(columns)))
            closed = db.execute(f"{query} >= ? AND id < ?", (*values, begin, first_open)).fetchone()
            known = tuple(map(float.__add__, known, closed))
            self._added_up[key] = first_open, known
            rest = db.execute(f"{query} >= ?", (*values, first_open)).fetchone()
        return tuple(map(float.__add__, known, rest))

    def spent_today(self) -> float:
        """US dollars since midnight UTC."""
        return self.spent_since(day_ms())

    def spent_this_month(self) -> float:
        """US dollars since the first of the month, UTC."""
        return self.spent_since(month_ms())

    def calls(self) -> Iterator[Call]:
        """Every line, oldest first."""
        columns = "session, user, mode, model, sent_ms, outcome, reason, input, output, cached, cost_usd"
        with self._queue.lock:
            rows = self._queue.db.execute(f"SELECT {columns} FROM call ORDER BY id").fetchall()
        return (Call(*row) for row in rows)

    @staticmethod
    def _close(db: sqlite3.Connection, number: int, outcome: str, reason: str | None, billed: Billed) -> None:
        db.execute(
            "UPDATE call SET outcome = ?, reason = ?, ended_ms = ?, model = ?, input = ?, output = ?, cached = ?,"
            " cost_usd = ? WHERE id = ?",
            (
                outcome,
                reason,
                now_ms(),
                billed.model,
                billed.input,
                billed.output,
                billed.cached,
                billed.cost_usd,
                number,
            ),
        )


def _is_known(db: sqlite3.Connection, key: str) -> bool:
    kept = db.execute("SELECT 1 FROM result WHERE key = ?", (key,)).fetchone()
    return kept is not None or db.execute(_UNDER_WAY, (key,)).fetchone() is not None


def _enter(db: sqlite3.Connection, owner: int, sent: Sent) -> int:
    number = db.execute(
        "INSERT INTO call(owner, session, user, key, mode, model, sent_ms, cost_usd) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        (owner, sent.session, sent.user, sent.key, sent.mode, sent.model, now_ms(), sent.cost_usd),
    ).lastrowid
    assert number is not None
    return number
