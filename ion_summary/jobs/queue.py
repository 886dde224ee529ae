"""Which sessions wait for an LLM summary, who works on them, and what has become of them?

One job per session. A job is claimed by an owner, answered (result and acknowledgement in one transaction), and stored
once its record stands in the partition: whoever opens the queue next goes on where a killed process has stopped.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ion_summary.jobs import owners
from ion_summary.jobs.database import open_database, transaction
from ion_summary.jobs.job import COLUMNS, Answer, Failure, Filter, Job, Wanted
from ion_summary.jobs.owners import now_ms
from ion_summary.jobs.results import drop_uses, keep_result
from ion_summary.jobs.schema import ANSWERED, BATCHED, CLAIMED, GIVEN_UP, SKIPPED, STORED, WAITING

# In this owner's hands: jobs in a batch are in those of whoever has the batch.
_MINE = f"(state = {CLAIMED} AND owner = ? OR state = {BATCHED})"
_MOST_BACKOFF_MS = 6 * 3_600_000
_FIRST_BACKOFF_MS = 30_000


class Queue:
    """The jobs of the store at ``root``. Threads may share it; a process that is to claim jobs is an owner first."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.db = open_database(root)
        self.lock = threading.RLock()
        self._owner: int | None = None

    def close(self) -> None:
        """Gives back what is claimed and not answered, and ends the connection."""
        with self.lock:
            if self._owner is not None:
                self.release()
                with transaction(self.db) as db:
                    db.execute("UPDATE batch SET owner = NULL WHERE owner = ?", (self._owner,))
                    owners.leave(db, self._owner)
                self._owner = None
            self.db.close()

    def __enter__(self) -> Queue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- putting --------------------------------------------------------------------------------------------------

    def put(self, wanted: Iterable[Wanted], *, settle_ms: int = 0, fingerprint: str | None = None) -> int:
        """Queues sessions, each once; how many of them wait now that did not before.

        A session that has grown is queued again, and due ``settle_ms`` after it last grew, so that it is paid once
        for all that was said in the meantime. One that was given up for the same content stays so, unless
        ``fingerprint`` (of prompt and model) is another one than then.
        """
        with self.lock, transaction(self.db) as db:
            return sum(_put(db, each, settle_ms, fingerprint) for each in wanted)

    def hurry(self, wanted: Filter) -> None:
        """Makes due what waits to be tried again, or for its session to settle."""
        where, values = wanted.where()
        with self.lock, transaction(self.db) as db:
            db.execute(f"UPDATE job SET due_ms = 0 WHERE state = {WAITING} AND due_ms > 0 AND {where}", values)

    # -- working --------------------------------------------------------------------------------------------------

    def claim(self, most: int, wanted: Filter | None = None) -> list[Job]:
        """Takes up to ``most`` jobs that wait and are due, the most urgent first.

        What a process that has died held is taken over.
        """
        where, values = (wanted or Filter()).where()
        with self.lock, transaction(self.db) as db:
            owner = self._own(db)
            self._take_over(db)
            chosen = (
                f"SELECT id FROM job WHERE state = {WAITING} AND due_ms <= ? AND {where} ORDER BY priority DESC, id"
            )
            claimed = db.execute(
                f"UPDATE job SET state = {CLAIMED}, owner = ? WHERE id IN ({chosen} LIMIT ?) RETURNING {COLUMNS}",
                (owner, now_ms(), *values, most),
            ).fetchall()
        return sorted(map(_job, claimed), key=lambda job: (-job.priority, job.id))

    def renew(self) -> None:
        """Says that the owner is still there: every ``owners.RENEW_S`` while it works."""
        with self.lock, transaction(self.db) as db:
            owners.renew(db, self._own(db))

    def take_over(self) -> int:
        """Puts back what processes that have died held; how many jobs."""
        with self.lock, transaction(self.db) as db:
            return self._take_over(db)

    def answer(self, answers: Iterable[Answer]) -> None:
        """Keeps results and acknowledges their jobs, at once. A job that has grown meanwhile waits again."""
        with self.lock, transaction(self.db) as db:
            for each in answers:
                keep_result(db, each.key, each.body, each.job.session)
                # What it was put together from (the parts of a long session) is needed no more.
                drop_uses(db, each.job.session, but=each.key)
                done = db.execute(
                    f"UPDATE job SET state = {ANSWERED}, owner = NULL, result = ?, code = NULL, reason = NULL"
                    f" WHERE id = ? AND content = ? AND state IN ({WAITING}, {CLAIMED}, {BATCHED})",
                    (each.key, each.job.id, each.job.content),
                )
                if not done.rowcount:
                    self._put_back(db, [each.job.id])

    def fail(self, failed: Iterable[tuple[Job, Failure]], fingerprint: str) -> None:
        """Notes why jobs were not done, and when they are tried again, if ever."""
        with self.lock, transaction(self.db) as db:
            for job, failure in failed:
                state, due = WAITING, now_ms() + _backoff_ms(job.attempts, failure)
                if not failure.retry:
                    state, due = GIVEN_UP, 0
                db.execute(
                    "UPDATE job SET state = ?, due_ms = ?, owner = NULL, attempts = attempts + 1, code = ?, reason = ?,"
                    f" fingerprint = ? WHERE id = ? AND {_MINE} AND content = ?",
                    (state, due, failure.code, failure.reason, fingerprint, job.id, self._owner, job.content),
                )
                self._put_back(db, [job.id])

    def skip(self, skipped: Iterable[tuple[Job, str]]) -> None:
        """Notes why jobs cannot be done: what is needed for them is not stored."""
        with self.lock, transaction(self.db) as db:
            db.executemany(
                f"UPDATE job SET state = {SKIPPED}, owner = NULL, code = 'skipped', reason = ? WHERE id = ?",
                [(reason, job.id) for job, reason in skipped],
            )

    def release(self, jobs: Iterable[Job] | None = None, *, for_ms: int = 0) -> None:
        """Gives jobs back as they were claimed (None: all that this owner has), not due for ``for_ms``."""
        with self.lock, transaction(self.db) as db:
            if jobs is not None:
                self._put_back(db, [job.id for job in jobs], now_ms() + for_ms if for_ms else 0)
                return
            db.execute(
                f"UPDATE job SET state = {WAITING}, owner = NULL WHERE state = {CLAIMED} AND owner = ?", (self._owner,)
            )

    def stored(self, jobs: Iterable[Job]) -> None:
        """Notes that the records of answered jobs stand in their partitions."""
        with self.lock, transaction(self.db) as db:
            db.executemany(
                f"UPDATE job SET state = {STORED} WHERE id = ? AND state = {ANSWERED} AND result = ?",
                [(job.id, job.result) for job in jobs],
            )

    def drop(self, jobs: Iterable[Job]) -> None:
        """Removes jobs whose session is not stored any more."""
        from ion_summary.jobs.erasing import forget_in

        with self.lock, transaction(self.db) as db:
            forget_in(db, [job.session for job in jobs])

    # -- asking ---------------------------------------------------------------------------------------------------

    def answered(self, most: int) -> list[Job]:
        """Jobs whose result is not yet in their record."""
        query = f"SELECT {COLUMNS} FROM job WHERE state = {ANSWERED} ORDER BY priority DESC, id LIMIT ?"
        with self.lock:
            return [_job(row) for row in self.db.execute(query, (most,))]

    def result(self, key: str) -> str | None:
        """The result that is stored under a key, as JSON."""
        with self.lock:
            row = self.db.execute("SELECT body FROM result WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def has_paid(self, key: str, session: str) -> bool:
        """Whether a result was paid for this session, and not for an equal one."""
        query = "SELECT paid FROM result_use WHERE key = ? AND session = ?"
        with self.lock:
            row = self.db.execute(query, (key, session)).fetchone()
        return bool(row and row[0])

    def job(self, session: str) -> tuple[Job, int, str | None] | None:
        """The job of a session, its state, and why it failed."""
        query = f"SELECT {COLUMNS}, state, reason FROM job WHERE session = ?"
        with self.lock:
            row = self.db.execute(query, (session,)).fetchone()
        return (_job(row[:-2]), row[-2], row[-1]) if row else None

    def count_due(self, wanted: Filter | None = None) -> int:
        """How many jobs wait and are due."""
        where, values = (wanted or Filter()).where()
        query = f"SELECT count(*) FROM job WHERE state = {WAITING} AND due_ms <= ? AND {where}"
        with self.lock:
            found: int = self.db.execute(query, (now_ms(), *values)).fetchone()[0]
        return found

    def later(self, wanted: Filter | None = None) -> tuple[int, float]:
        """How many jobs wait and are not due yet, and in how many seconds the first one is."""
        where, values = (wanted or Filter()).where()
        query = f"SELECT count(*), min(due_ms) FROM job WHERE state = {WAITING} AND due_ms > ? AND {where}"
        now = now_ms()
        with self.lock:
            found, first = self.db.execute(query, (now, *values)).fetchone()
        return found, (first - now) / 1000 if found else 0.0

    def _own(self, db: sqlite3.Connection) -> int:
        if self._owner is None:
            self._owner = owners.enter(db)
        return self._owner

    @property
    def owner(self) -> int:
        """The number of this owner; it becomes one when it is first asked."""
        with self.lock:
            if self._owner is None:
                with transaction(self.db) as db:
                    self._own(db)
            assert self._owner is not None
            return self._owner

    def _take_over(self, db: sqlite3.Connection) -> int:
        taken = 0
        for owner in owners.dead(db):
            taken += db.execute(
                f"UPDATE job SET state = {WAITING}, owner = NULL, attempts = attempts + 1"
                f" WHERE state = {CLAIMED} AND owner = ?",
                (owner,),
            ).rowcount
            db.execute(
                "UPDATE call SET outcome = 'lost', ended_ms = ?, reason = 'its process died before the answer was kept'"
                " WHERE owner = ? AND outcome IS NULL AND mode = 'online'",
                (now_ms(), owner),
            )
            db.execute("UPDATE batch SET owner = NULL WHERE owner = ?", (owner,))
            owners.leave(db, owner)
        return taken

    def _put_back(self, db: sqlite3.Connection, ids: Sequence[int], due_ms: int = 0) -> None:
        db.executemany(
            f"UPDATE job SET state = {WAITING}, owner = NULL, due_ms = max(due_ms, ?) WHERE id = ? AND {_MINE}",
            [(due_ms, number, self._owner) for number in ids],
        )


def _put(db: sqlite3.Connection, one: Wanted, settle_ms: int, fingerprint: str | None) -> bool:
    now = now_ms()
    found = db.execute("SELECT id, content, state, fingerprint FROM job WHERE session = ?", (one.session,)).fetchone()
    if found is None:
        db.execute(
            "INSERT INTO job(session, user, content, ended_ms, priority, max_bullets, max_chars, temperature,"
            f" queued_ms, due_ms, state) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, 0, {WAITING})",
            (*_values(one), now),
        )
        return True
    number, content, state, failed_with = found
    if content == one.content and (
        state in (WAITING, CLAIMED, ANSWERED, BATCHED) or (state == GIVEN_UP and fingerprint in (None, failed_with))
    ):
        db.execute("UPDATE job SET priority = max(priority, ?) WHERE id = ?", (one.priority, number))
        return False
    grown = content != one.content
    # Whoever has it in hand finds the content changed when it acknowledges, and puts it back.
    state_then = state if state in (CLAIMED, BATCHED) else WAITING
    db.execute(
        "UPDATE job SET session = ?, user = ?, content = ?, ended_ms = ?, priority = ?, max_bullets = ?, max_chars = ?,"
        " temperature = ?, queued_ms = ?, due_ms = ?, state = ?, attempts = 0, code = NULL, reason = NULL,"
        " fingerprint = NULL, result = NULL WHERE id = ?",
        (*_values(one), now, now + settle_ms if grown and settle_ms else 0, state_then, number),
    )
    if grown:
        drop_uses(db, one.session)
    return state not in (WAITING, CLAIMED, BATCHED)


def _values(one: Wanted) -> tuple[Any, ...]:
    return (
        one.session,
        one.user,
        one.content,
        one.ended_ms,
        one.priority,
        one.max_bullets,
        one.max_chars,
        one.temperature,
    )


def _job(row: Sequence[Any]) -> Job:
    return Job(*row)


def _backoff_ms(attempts: int, failure: Failure) -> int:
    asked = int((failure.retry_after_s or 0) * 1000)
    return max(asked, min(_FIRST_BACKOFF_MS << min(attempts, 20), _MOST_BACKOFF_MS))
