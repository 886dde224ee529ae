"""Which stored sessions have no LLM summary yet? A job for each of them, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ion_summary.jobs import counting
from ion_summary.jobs.job import Filter, Wanted
from ion_summary.jobs.queue import Queue
from ion_summary.jobs.schema import GIVEN_UP
from ion_summary.model import SessionSummary
from ion_summary.operations.asking import NO_TRANSCRIPT
from ion_summary.progress import Progress
from ion_summary.store.layout import to_ms
from ion_summary.store.query import Query
from ion_summary.store.storage import SessionSummaryStorage

_PAGE = 2_000
_SOME = 50  # that may have to be passed over


@dataclass(frozen=True)
class PendingRequest:
    """Which sessions (the newest ``limit`` that can be summarized, None: all), and how long their summaries may be."""

    wanted: Filter = field(default_factory=Filter)
    limit: int | None = None
    max_bullets: int = 8
    max_chars: int = 800


@dataclass
class PendingReport:
    """What came of it: sessions ``queued`` (or in the queue already), and those that cannot be, with the reason.

    ``chosen`` are the jobs of just these sessions.
    """

    queued: int
    skipped: list[tuple[str, str]]
    chosen: Filter


def pending(
    storage: SessionSummaryStorage, queue: Queue, request: PendingRequest, fingerprint: str, progress: Progress
) -> PendingReport:
    """Queues every session that lacks an LLM summary or has grown since, and makes failed ones due again.

    One that was given up is queued only if ``fingerprint`` (of prompt and model) is another one than then.
    Raises StoreNotFoundError.
    """
    storage.require()
    report = PendingReport(0, [], request.wanted)
    chosen = list[str]()
    progress.start("queue", None, "sessions")
    for page in _pages(storage, request, fingerprint):
        wanted = [job for record in page if (job := job_of(storage, record, request))]
        queue.put(wanted, fingerprint=fingerprint)
        report.queued += len(wanted)
        queued = {job.session for job in wanted}
        if request.limit is not None or request.wanted.user is not None:
            chosen += queued
        report.skipped += [(one.session_id, NO_TRANSCRIPT) for one in page if one.session_id not in queued]
        progress.advance(len(page))
    if request.limit is not None or request.wanted.user is not None:
        # By name: a participant of a chat room is not the user of its job.
        report.chosen = Filter(sessions=tuple(chosen))
    queue.hurry(report.chosen)
    progress.finish()
    return report


def unqueued(storage: SessionSummaryStorage) -> int:
    """How many stored sessions have no LLM summary and are not in the queue either, in whatever state."""
    total, _ = storage.find(Query(type="rule_based", limit=1))
    queue = counting.counts(storage.path)
    return max(0, total - queue.unfinished - queue.given_up - queue.skipped)


def wanted_of(storage: SessionSummaryStorage, request: PendingRequest, fingerprint: str) -> Iterator[Wanted]:
    """The jobs that ``pending`` would queue."""
    for page in _pages(storage, request, fingerprint):
        yield from (job for record in page if (job := job_of(storage, record, request)))


def job_of(storage: SessionSummaryStorage, record: SessionSummary, limits: PendingRequest) -> Wanted | None:
    """The job for a record; None if it was stored without saying what it was made of."""
    content = record.metadata.get("content_hash")
    if not isinstance(content, str):
        return None
    return Wanted(
        session=record.session_id,
        user=record.user_id,
        content=content,
        ended_ms=to_ms(record.created_at, storage.tz),
        max_bullets=limits.max_bullets,
        max_chars=limits.max_chars,
    )


def _pages(
    storage: SessionSummaryStorage, request: PendingRequest, fingerprint: str
) -> Iterator[Sequence[SessionSummary]]:
    """The records in question without those that were given up as they are; ``limit`` counts what can be done."""
    wanted, left, offset = request.wanted, request.limit, 0
    settled = counting.settled(storage.path, fingerprint)
    while left is None or left > 0:
        query = Query(
            user=wanted.user,
            type="rule_based",
            since_ms=wanted.since_ms,
            until_ms=wanted.until_ms,
            limit=_PAGE if left is None else min(_PAGE, left + _SOME),
            offset=offset,
            sort="newest",
        )
        _, found = storage.find(query)
        if not found:
            return
        offset += len(found)
        page = []
        for record, _ in found:
            content = record.metadata.get("content_hash")
            before, state = settled.get(record.session_id, ("", None))
            if content == before and (state == GIVEN_UP or left is not None):
                continue
            page.append(record)
            if left is not None and isinstance(content, str):
                left -= 1
                if not left:
                    break
        yield page
