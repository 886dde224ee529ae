"""What was asked of the provider, when, for whom, and what has it cost?

A call is entered before it is made, with what it may cost, and closed when its answer is kept. One that is open when
its process dies becomes ``lost``: it may have been paid, and counts as if it was.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ion_summary.jobs.database import transaction
from ion_summary.jobs.owners import now_ms
from ion_summary.jobs.queue import Queue, keep_result

Mode = Literal["online", "batch"]
_DAY_MS = 86_400_000


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

    def enter(self, calls: Sequence[Sent]) -> list[int]:
        """Notes that these calls are about to be made; their numbers. When this returns, a kill does not hide them."""
        owner, now = self._queue.owner, now_ms()
        with self._queue.lock, transaction(self._queue.db) as db:
            numbers = [
                db.execute(
                    "INSERT INTO call(owner, session, user, key, mode, model, sent_ms, cost_usd)"
                    " VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                    (owner, each.session, each.user, each.key, each.mode, each.model, now, each.cost_usd),
                ).lastrowid
                for each in calls
            ]
        return [number for number in numbers if number is not None]

    def answered(self, number: int, billed: Billed, sent: Sent, body: str) -> None:
        """Closes a call and keeps its answer, at once."""
        with self._queue.lock, transaction(self._queue.db) as db:
            self._close(db, number, "answered", None, billed)
            keep_result(db, sent.key, body, [sent.session])

    def failed(self, number: int, billed: Billed, reason: str) -> None:
        """Closes a call that gave nothing to keep; what it cost all the same is noted."""
        with self._queue.lock, transaction(self._queue.db) as db:
            self._close(db, number, "failed", reason, billed)

    def not_made(self, number: int) -> None:
        """Strikes out a call that was never sent."""
        with self._queue.lock, transaction(self._queue.db) as db:
            db.execute("DELETE FROM call WHERE id = ?", (number,))

    def is_open(self, key: str) -> bool:
        """Whether a call for the same result is under way, anywhere."""
        with self._queue.lock:
            query = "SELECT 1 FROM call WHERE key = ? AND outcome IS NULL LIMIT 1"
            return self._queue.db.execute(query, (key,)).fetchone() is not None

    def spent_since(self, since_ms: int) -> float:
        """US dollars since then, with what is under way or lost as estimated."""
        query = "SELECT coalesce(sum(cost_usd), 0) FROM call WHERE sent_ms >= ?"
        with self._queue.lock:
            return float(self._queue.db.execute(query, (since_ms,)).fetchone()[0])

    def spent_today(self) -> float:
        """US dollars since midnight UTC."""
        return self.spent_since(now_ms() // _DAY_MS * _DAY_MS)

    def spent_this_month(self) -> float:
        """US dollars since the first of the month, UTC."""
        today = time.gmtime()
        return self.spent_since(now_ms() // _DAY_MS * _DAY_MS - (today.tm_mday - 1) * _DAY_MS)

    def calls(self) -> Iterator[Call]:
        """Every line, oldest first."""
        columns = "session, user, mode, model, sent_ms, outcome, reason, input, output, cached, cost_usd"
        with self._queue.lock:
            rows = self._queue.db.execute(f"SELECT {columns} FROM call ORDER BY id").fetchall()
        return (Call(*row) for row in rows)

    @staticmethod
    def _close(db: Any, number: int, outcome: str, reason: str | None, billed: Billed) -> None:
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
