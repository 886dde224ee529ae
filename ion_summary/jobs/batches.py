"""Which jobs are in which batch of the provider, and who waits for it?

A batch is entered with all of its requests before it is sent: they are what it is found by again after a kill. While it
is under way it belongs to no process for longer than that lives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ion_summary.jobs import owners
from ion_summary.jobs.database import transaction
from ion_summary.jobs.job import COLUMNS, Job
from ion_summary.jobs.owners import now_ms
from ion_summary.jobs.queue import Queue
from ion_summary.jobs.schema import BATCHED, CLAIMED, WAITING


@dataclass(frozen=True, slots=True)
class Member:
    """A job in a batch: the key of its request, the request as JSON ("" if a member before it has the same), and what
    it is estimated to cost (US dollars).
    """

    job: Job
    key: str
    body: str
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch under way: ``name`` is the provider's (None: perhaps it was never sent).

    ``jobs`` are the jobs that wait for each key, ``calls`` the numbers of their ledger lines.
    """

    id: int
    name: str | None
    jobs: dict[str, list[Job]]
    calls: dict[str, int]


class Batches:
    """The batches of a queue, worked on in the name of the queue's owner."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def enter(self, members: Sequence[Member], fingerprint: str, model: str) -> Batch:
        """Notes a batch that is about to be sent. From now on no other process asks for its jobs."""
        owner, now = self._queue.owner, now_ms()
        calls: dict[str, int] = {}
        with self._queue.lock, transaction(self._queue.db) as db:
            number = db.execute(
                "INSERT INTO batch(owner, made_ms, fingerprint) VALUES(?, ?, ?)", (owner, now, fingerprint)
            ).lastrowid
            assert number is not None
            for place, each in enumerate(members):
                if each.body:
                    call = db.execute(
                        "INSERT INTO call(owner, session, user, key, mode, model, sent_ms, cost_usd)"
                        " VALUES(?, ?, ?, ?, 'batch', ?, ?, ?)",
                        (owner, each.job.session, each.job.user, each.key, model, now, each.cost_usd),
                    ).lastrowid
                    assert call is not None
                    calls[each.key] = call
                row = (number, place, each.job.id, each.job.content, each.key, each.body, calls.get(each.key))
                db.execute("INSERT INTO batch_request VALUES(?, ?, ?, ?, ?, ?, ?)", row)
            db.executemany(
                f"UPDATE job SET state = {BATCHED}, owner = NULL WHERE id = ? AND state = {CLAIMED}",
                [(each.job.id,) for each in members],
            )
        return self._read(number, None)

    def take(self) -> list[Batch]:
        """The batches that nobody waits for: from now on this process does."""
        owner = self._queue.owner
        with self._queue.lock, transaction(self._queue.db) as db:
            living = "SELECT id FROM owner WHERE NOT ended"
            dead = set(owners.dead(db))
            free = [
                (number, name)
                for number, name, whose in db.execute(
                    f"SELECT id, name, CASE WHEN owner IN ({living}) THEN owner END FROM batch WHERE NOT done"
                ).fetchall()
                if whose is None or whose in dead
            ]
            for number, _ in free:
                db.execute("UPDATE batch SET owner = ? WHERE id = ?", (owner, number))
                calls = "SELECT call FROM batch_request WHERE batch = ?"
                db.execute(f"UPDATE call SET owner = ? WHERE outcome IS NULL AND id IN ({calls})", (owner, number))
        return [self._read(number, name) for number, name in free]

    def named(self, batch: Batch, name: str) -> None:
        """Notes what the provider calls a batch."""
        with self._queue.lock, transaction(self._queue.db) as db:
            db.execute("UPDATE batch SET name = ? WHERE id = ?", (name, batch.id))

    def bodies(self, batch: Batch) -> list[str]:
        """The requests of a batch, in order."""
        query = "SELECT body FROM batch_request WHERE batch = ? AND body != '' ORDER BY place"
        with self._queue.lock:
            return [body for (body,) in self._queue.db.execute(query, (batch.id,))]

    def body(self, batch: Batch, key: str) -> str | None:
        """The request of a batch under a key; None if it has none, or no longer."""
        query = "SELECT body FROM batch_request WHERE batch = ? AND key = ? AND body != ''"
        with self._queue.lock:
            row = self._queue.db.execute(query, (batch.id, key)).fetchone()
        return row[0] if row else None

    def end(self, batch: Batch) -> int:
        """Ends a batch: what of it has no answer was not paid for, and waits again; how many jobs those are."""
        with self._queue.lock, transaction(self._queue.db) as db:
            of_batch = "(SELECT {} FROM batch_request WHERE batch = ?)"
            left = db.execute(
                f"UPDATE job SET state = {WAITING} WHERE state = {BATCHED} AND id IN {of_batch.format('job')}",
                (batch.id,),
            ).rowcount
            db.execute(
                "UPDATE call SET outcome = 'failed', ended_ms = ?, cost_usd = 0, reason = 'the batch has no answer'"
                f" WHERE outcome IS NULL AND id IN {of_batch.format('call')}",
                (now_ms(), batch.id),
            )
            db.execute("DELETE FROM batch_request WHERE batch = ?", (batch.id,))
            db.execute("UPDATE batch SET done = 1, owner = NULL WHERE id = ?", (batch.id,))
        return left

    def _read(self, number: int, name: str | None) -> Batch:
        jobs: dict[str, list[Job]] = {}
        calls: dict[str, int] = {}
        columns = ", ".join(f"job.{column}" for column in COLUMNS.split(", "))
        with self._queue.lock:
            rows = self._queue.db.execute(
                f"SELECT request.key, call, call.outcome, request.content, {columns} FROM batch_request request"
                " LEFT JOIN call ON call.id = request.call"
                f" LEFT JOIN job ON job.id = request.job AND job.state = {BATCHED}"
                " WHERE batch = ? AND request.key != '' ORDER BY place",
                (number,),
            ).fetchall()
        for key, call, outcome, content, *job in rows:
            if call is not None and outcome is None:
                calls[key] = call
            if job[0] is not None:
                # The session may have grown since: the answer is for what it was.
                jobs.setdefault(key, []).append(replace(Job(*job), content=content))
        return Batch(number, name, jobs, calls)
