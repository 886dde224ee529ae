"""How do sessions that are too old leave the store, all that hangs on them included?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ion_summary.errors import QueueCorruptError, RefusedError, StoreNotWritableError
from ion_summary.jobs import counting
from ion_summary.jobs import erasing as queue
from ion_summary.store import layout, pruning
from ion_summary.store.catalog import Catalog
from ion_summary.store.hashing import hash64
from ion_summary.store.pruning import Expired, Expiry
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.store.tombstones import Tombstones


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What is about to go: sessions that ended before ``cutoff_ms`` (midnight, UTC), ``partitions`` as a whole,
    ``rewritten`` days that keep other sessions, and the bytes of both. ``objection`` is why it looks wrong,
    ``queue_problem`` why the jobs of these sessions were left in the queue.
    """

    cutoff_ms: int
    sessions: int
    partitions: int
    rewritten: int
    bytes: int
    objection: str | None
    queue_problem: str | None = None


def plan(storage: SessionSummaryStorage, expiry: Expiry) -> PrunePlan:
    """What ``prune`` would do now. Raises StoreNotFoundError."""
    storage.require()
    return storage.reading(lambda catalog, _: _plan(catalog, expiry, pruning.expired(storage.path, catalog, expiry)))


def prune(
    storage: SessionSummaryStorage, expiry: Expiry, *, keep_counts: bool = True, force: bool = False
) -> PrunePlan:
    """Removes what has expired, and returns what that was. Interrupted anywhere, the same call goes on.

    ``keep_counts`` keeps for ``stats`` how much there was each day; ``force`` goes on against an objection.

    Raises:
        RefusedError: it would take more than half of the store, or the clock is behind the newest record.
        StoreNotFoundError, StoreLockedError, StoreNotWritableError
    """
    storage.require()
    with storage.locked():
        found, others, planned = storage.reading(lambda catalog, _: _look(storage, catalog, expiry))
        if planned.objection and not force:
            raise RefusedError(reason=planned.objection)
        storage.close()  # on a full disk the index may have to go, and nobody here must hold it
        # Before anything else is written: this makes the room for the rest.
        pruning.bury(storage.path, found, keep_counts)
    selective = {*others, *(one.day for one in found if not one.whole)}
    try:
        with storage.writing() as writer:
            writer.expect_changes(selective)
            pruning.cut_out(storage.path, found, others)
            writer.catch_up()
            writer.drop_empty_months()
    except StoreNotWritableError:
        if selective:
            raise
        # All is gone. On a full disk it may not have made enough room for the index, which then follows later.
    try:
        _forget_jobs(storage, expiry)
    except QueueCorruptError as error:
        return replace(planned, queue_problem=error.message)
    return planned


def _look(
    storage: SessionSummaryStorage, catalog: Catalog, expiry: Expiry
) -> tuple[list[Expired], dict[int, set[int]], PrunePlan]:
    found = pruning.expired(storage.path, catalog, expiry)
    return found, pruning.elsewhere(catalog, found), _plan(catalog, expiry, found)


def _plan(catalog: Catalog, expiry: Expiry, found: Sequence[Expired]) -> PrunePlan:
    sessions = sum(len(one.gone) for one in found)
    (there,) = catalog.db.execute("SELECT coalesce(sum(sessions), 0) FROM partition").fetchone()
    (newest,) = catalog.db.execute("SELECT max(created) FROM record").fetchone()
    objection = None
    if 2 * sessions > there:
        objection = f"it would take {sessions:,} of {there:,} sessions, more than half of the store"
    elif newest is not None and newest > time.time_ns() // 1_000_000:
        objection = f"the clock is behind the newest record ({layout.from_ms(newest)})"
    return PrunePlan(
        cutoff_ms=expiry.cutoff_ms,
        sessions=sessions,
        partitions=sum(one.whole for one in found),
        rewritten=sum(not one.whole for one in found),
        bytes=sum(one.bytes for one in found),
        objection=objection,
    )


def _forget_jobs(storage: SessionSummaryStorage, expiry: Expiry) -> None:
    """Erases the jobs of pruned sessions, also those that an interrupted prune has left."""
    ended = counting.ended_before(storage.path, expiry.cutoff_ms)
    if not ended:
        return
    numbers = {session: hash64(session) for session, _ in ended}
    stored = storage.reading(lambda catalog, _: catalog.stored(numbers.values()))
    pruned = Tombstones.read(storage.path)
    gone = [
        session
        for session, ended_ms in ended
        if numbers[session] not in stored and pruned.is_pruned((numbers[session],), layout.day_of(ended_ms))
    ]
    if gone:
        queue.forget(storage.path, gone)
