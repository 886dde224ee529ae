"""How do transcripts become stored, summarized sessions, each once, however often they are given?

Reading, summarizing and storing overlap: while one batch is summarized (by worker processes, if it is large) the next
is read. The writer's lock is held only while a batch is stored.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from itertools import compress
from pathlib import Path

from ion_summary.errors import NothingReadableError
from ion_summary.jobs.job import Wanted
from ion_summary.jobs.queue import Queue
from ion_summary.operations.batch import Batch, FileState, Sorted, sort_batch
from ion_summary.operations.drafts import Draft
from ion_summary.operations.forget import finish
from ion_summary.operations.known_files import Look, look, note, resume_point
from ion_summary.operations.pending import unqueued
from ion_summary.operations.reading import Manner, drafts
from ion_summary.operations.summarizing import Summaries, Summarizers
from ion_summary.progress import Progress
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.store.writing import Entry
from ion_summary.transcripts.detect import Detection, detect, edition
from ion_summary.transcripts.plugins import problems
from ion_summary.transcripts.reader import Reader, Rejected, Resume, Source
from ion_summary.transcripts.sources import find

# A batch is synced as a whole: the larger, the fewer syncs. It is kept in memory, twice; and while the last one is
# stored nobody has anything to summarize.
_BATCH_BYTES = 16 << 20
_BATCH_SESSIONS = 2_000
# As long as nobody has anything to summarize, less is a batch: what the index takes from memory, and is worth workers.
_FIRST_SESSIONS = 500


@dataclass(frozen=True)
class IngestRequest:
    """What is to be read, and how.

    ``user`` is for sessions that name none; ``source`` is the name under which they are found again (default: the
    format's). ``tz`` is the zone of times without one (None: the format's usual zone). ``workers`` None means one
    process for each processor. With ``llm`` an LLM summary is queued for what is stored; with ``redact`` personal data
    is replaced before anything is stored.
    """

    paths: Sequence[str | Path]
    input_format: str | None = None
    user: str | None = None
    source: str | None = None
    max_bullets: int = 8
    max_chars: int = 800
    workers: int | None = None
    keep_transcripts: bool = True
    tz: tzinfo | None = None
    split: str = "day"
    dry_run: bool = False
    llm: bool = False
    redact: bool = False


@dataclass
class IngestReport:
    """What came of it. ``forgotten`` counts sessions that a tombstone keeps out: forgotten ones, and pruned ones.

    ``unqueued`` are those that were stored before, have no LLM summary, and do not wait for one, if one was asked for.
    """

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    forgotten: int = 0
    queued: int = 0
    unqueued: int = 0
    messages: int = 0
    files_read: int = 0
    files_unchanged: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    elapsed_s: float = 0.0

    @property
    def files_rejected(self) -> int:
        """How many sources could not be read at all."""
        return sum(item.line is None for item in self.rejected)


def ingest(storage: SessionSummaryStorage, request: IngestRequest, progress: Progress) -> IngestReport:
    """Stores every session that the paths hold and that is not stored yet; with ``dry_run`` only says what it would do.

    Raises:
        NothingReadableError: every source was rejected, or there was none.
        StoreLockedError, StoreNotWritableError: what was stored until then stays stored.
    """
    begun = time.monotonic()
    if not request.dry_run:
        finish(storage)  # what was to be forgotten goes before anything comes
    run = _Run(storage, request, progress)
    try:
        run.work()
    finally:
        run.close()
    report = run.report
    if request.llm and not request.dry_run and (report.unchanged or report.files_unchanged):
        report.unqueued = unqueued(storage)
    report.warnings += problems()
    report.elapsed_s = round(time.monotonic() - begun, 3)
    if not report.files_read and not report.files_unchanged:
        first = report.rejected[0] if report.rejected else None
        reason = f"{first.source}: {first.reason}" if first else "no transcript among the paths given"
        raise NothingReadableError(reason=reason, report=report)
    return report


class _Run:
    """One ingest on its way: the batch that is being read, and the one that is being summarized."""

    def __init__(self, storage: SessionSummaryStorage, request: IngestRequest, progress: Progress) -> None:
        self.report = IngestReport()
        self.summarizers = Summarizers(request.max_bullets, request.max_chars, request.workers)
        self._storage = storage
        self._request = request
        self._progress = progress
        self._manner = Manner(
            request.input_format, request.user, request.source, request.tz, request.split, request.redact
        )
        # What a file must be read again for if it is another at the next run.
        self._options = f"{self._manner}|{request.keep_transcripts}"
        self._batch = Batch()
        self._unread: list[FileState] = []
        self._underway: tuple[Batch, Sorted, Summaries] | None = None
        self._stored = 0
        self._queue = Queue(storage.path) if request.llm and not request.dry_run else None

    def close(self) -> None:
        """Ends the workers, and the connection to the queue."""
        self.summarizers.close()
        if self._queue is not None:
            self._queue.close()

    def work(self) -> None:
        """Reads everything there is to read."""
        sources = list(find(self._request.paths))
        self._progress.start("ingest", _total_bytes(sources), "bytes")
        for source in sources:
            if isinstance(source, Rejected):
                self.report.rejected.append(source)
            else:
                self._source(source)
        self._next_batch()
        self._finish_underway()
        if self._stored >= _BATCH_SESSIONS:
            with self._storage.writing() as writer:
                writer.fill_segments()
        if self._unread and not self._request.dry_run and (self.report.files_read or self.report.files_unchanged):
            with self._storage.writing() as writer:
                writer.remember_files(self._unread)
        self._progress.finish()

    def _source(self, source: Source) -> None:
        try:
            stamp = source.stamp()
        except OSError as error:
            self.report.rejected.append(Rejected(source.name, None, error.strerror or str(error)))
            return
        seen = self._storage.reading(lambda catalog, _: look(source, stamp, self._options, catalog))
        if seen.unchanged and (seen.unread_by is None or seen.unread_by == edition()):
            self.report.files_unchanged += seen.unread_by is None
            self.report.rejected += seen.rejected
            self._progress.advance(seen.stamp.size if seen.stamp else 0)
            return
        found = detect(source, self._manner.input_format)
        if found.reader:
            self._read(source, found.reader, seen)
        else:
            self._reject(source, found, seen)

    def _reject(self, source: Source, found: Detection, seen: Look) -> None:
        rejected = Rejected(source.name, None, found.reason)
        self.report.rejected.append(rejected)
        readers = edition()
        if found.opened and readers is not None:
            state = note(source, seen, self._options, None, [rejected], readers)
            self._unread += [state] if state else []

    def _read(self, source: Source, reader: Reader, seen: Look) -> None:
        self.report.files_read += 1
        rejected: list[Rejected] = []
        end: Resume | None = None
        for item in drafts(source, reader, self._manner, seen.stamp, resume_point(source, seen)):
            if isinstance(item, Draft):
                self._add(item)
            elif isinstance(item, Rejected):
                rejected.append(item)
            elif not self._manner.redact:  # what a reader must know to go on can be a name: then it begins anew
                end = item
        self.report.rejected += rejected
        self._batch.read_to_end(note(source, seen, self._options, end, rejected))

    def _add(self, one: Draft) -> None:
        if self._batch.needs(one) or (self._underway is not None and self._underway[0].needs(one)):
            # It has to do with a session that is on its way: let that one arrive first.
            self._next_batch()
            self._finish_underway()
        self._batch.add(one)
        self._progress.advance(len(one.messages_json))
        most = _FIRST_SESSIONS if self._underway is None else _BATCH_SESSIONS
        if self._batch.bytes >= _BATCH_BYTES or len(self._batch.drafts) >= most:
            self._next_batch()

    def _next_batch(self) -> None:
        """Has the batch read so far summarized, and stores the one before it meanwhile."""
        batch, self._batch = self._batch, Batch()
        found = self._sorted(batch)
        if self._underway is not None and not self._underway[1].before.keys().isdisjoint(found.before):
            self._finish_underway()  # both have a session that goes on from the same stored one
            found = self._sorted(batch)
        begun = self.summarizers.begin([] if self._request.dry_run else [one.messages_json for one in found.to_store])
        self._finish_underway()
        self._underway = (batch, found, begun)

    def _sorted(self, batch: Batch) -> Sorted:
        return self._storage.reading(lambda catalog, _: sort_batch(batch.drafts, catalog, self._storage.path))

    def _finish_underway(self) -> None:
        if self._underway is None:
            return
        (batch, found, summaries), self._underway = self._underway, None
        if not self._request.dry_run and (found.to_store or batch.files):
            self._store(batch, found, summaries())
        self.report.new += found.new
        self.report.updated += found.updated
        self.report.unchanged += found.unchanged
        self.report.forgotten += found.forgotten
        self.report.messages += sum(one.message_count for one in batch.drafts)

    def _store(self, batch: Batch, found: Sorted, summaries: Iterable[tuple[str, list[str]]]) -> None:
        keep = self._request.keep_transcripts
        # Without the lock, and of the first while the others are still summarized.
        ready = [one.entry(*summary, keep) for one, summary in zip(found.to_store, summaries, strict=True)]
        with self._storage.writing() as writer:
            stored = writer.catalog.stored({one.number for one in found.to_store})
            entries = list(compress(ready, found.sort_again(stored)))
            writer.append(entries, stored)
            if self._queue is not None:
                self.report.queued += self._queue.put(self._wanted(entry) for entry in entries)
            writer.remember_files(batch.files)
        self._stored += len(entries)

    def _wanted(self, entry: Entry) -> Wanted:
        record = entry.record
        return Wanted(
            session=record.session_id,
            user=record.user_id,
            content=record.metadata["content_hash"],
            ended_ms=entry.created_ms,
            max_bullets=self._request.max_bullets,
            max_chars=self._request.max_chars,
        )


def _total_bytes(sources: list[Source | Rejected]) -> int:
    found = [part for source in sources if isinstance(source, Source) for part in source.files]
    return sum(path.stat().st_size for path in {part.path for part in found if part.path} if path.is_file())


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a source is taken for: the format (None: rejected, or passed over), why, and what spoke for which format."""

    source: str
    format: str | None
    reason: str
    evidence: list[tuple[str, int, str]]
    passed_over: bool = False


def explain(paths: Sequence[str | Path], input_format: str | None = None) -> Iterator[Explanation]:
    """What every source under the paths is taken for, without reading more than its beginning, and what is passed over
    without a look.
    """
    skipped: list[Explanation] = []
    for source in find(paths, lambda name, why: skipped.append(Explanation(name, None, why, [], passed_over=True))):
        yield from skipped
        skipped.clear()
        if isinstance(source, Rejected):
            yield Explanation(source.source, None, source.reason, [])
            continue
        found = detect(source, input_format)
        evidence = [(name, item.score, item.reason) for name, item in found.evidence]
        yield Explanation(source.name, found.reader.name if found.reader else None, found.reason, evidence)
    yield from skipped
