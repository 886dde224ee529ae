"""How does a command work the queue off: with a queue, a model and an event loop of its own?"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ion_summary.config import Settings
from ion_summary.jobs.job import Filter
from ion_summary.jobs.queue import Queue
from ion_summary.operations.batching import work_in_batches
from ion_summary.operations.llm import fingerprint_of, make_batch, make_llm, require_key
from ion_summary.operations.pending import PendingReport, PendingRequest, pending
from ion_summary.operations.work_report import WorkReport, WorkRequest
from ion_summary.operations.working import charge, work
from ion_summary.progress import Progress
from ion_summary.store.storage import SessionSummaryStorage

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task

_LOOK_AGAIN_S = 30.0


@dataclass(frozen=True)
class WorkerRequest:
    """Which jobs, how many at most, and whether to wait for more when there are none."""

    wanted: Filter = field(default_factory=Filter)
    limit: int | None = None
    watch: bool = False


def summarize_pending(
    storage: SessionSummaryStorage, settings: Settings, request: WorkerRequest, progress: Progress
) -> WorkReport:
    """Queues an LLM summary for every stored session that lacks one, and works the queue off.

    Raises NoApiKeyError, StoreNotFoundError, StoreLockedError, StoreNotWritableError, ConfigurationError, UsageError.
    """
    require_key(settings)
    storage.require()
    with Queue(storage.path) as queue:
        limits = PendingRequest(request.wanted, request.limit, settings.max_bullets, settings.max_chars)
        queued = pending(storage, queue, limits, fingerprint_of(settings), progress)
        report = _work(storage, queue, settings, WorkerRequest(queued.chosen, request.limit), progress)
    return _with_skipped(report, queued)


def worker(
    storage: SessionSummaryStorage, settings: Settings, request: WorkerRequest, progress: Progress
) -> WorkReport:
    """Works the queue off until it is empty, or for ever.

    Raises as ``summarize_pending``.
    """
    require_key(settings)
    storage.require()
    with Queue(storage.path) as queue:
        return _work(storage, queue, settings, request, progress)


def _work(
    storage: SessionSummaryStorage, queue: Queue, settings: Settings, request: WorkerRequest, progress: Progress
) -> WorkReport:
    ask = _in_batches if settings.mode == "batch" else _online
    report = WorkReport()
    try:
        run(ask(storage, queue, settings, request, progress, report))
    except KeyboardInterrupt:
        report.interrupted = True
        charge(report, queue)
    report.waiting, report.next_s = queue.later(request.wanted)
    report.left = queue.count_due(request.wanted)
    return report


async def _in_batches(
    storage: SessionSummaryStorage,
    queue: Queue,
    settings: Settings,
    request: WorkerRequest,
    progress: Progress,
    total: WorkReport,
) -> None:
    """What one request cannot hold is asked for online, in parts. ``total`` is filled in meanwhile."""
    import asyncio

    llm = make_batch(settings, queue)
    left = request.limit
    try:
        while True:
            asked = WorkRequest(wanted=request.wanted, limit=left, redact=llm.redact)
            done = await work_in_batches(storage, queue, llm, asked, progress)
            total.add(done.report)
            left = None if left is None else left - done.begun
            if done.too_long and done.report.stopped is None:
                rest, online = WorkerRequest(Filter(sessions=tuple(done.too_long))), WorkReport()
                await _online(storage, queue, settings, rest, progress, online)
                total.add(online)
            if total.stopped is not None or not (request.watch or done.again):
                break
            if not done.again:
                await asyncio.sleep(_LOOK_AGAIN_S)
    finally:
        await llm.summarizer.close()


async def _online(
    storage: SessionSummaryStorage,
    queue: Queue,
    settings: Settings,
    request: WorkerRequest,
    progress: Progress,
    report: WorkReport,
) -> None:
    llm = make_llm(settings, queue)
    asked = WorkRequest(
        wanted=request.wanted,
        window=llm.window,
        limit=request.limit,
        redact=llm.redact,
        watch=request.watch,
        renew=llm.renew,
    )
    try:
        await work(storage, queue, llm.summarizer, asked, progress, report)
    finally:
        await llm.summarizer.close()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs ``main`` in an event loop; SIGTERM ends it as Ctrl-C does: in good order. Raises KeyboardInterrupt."""
    import asyncio

    async def ended_in_good_order() -> None:
        task = asyncio.ensure_future(main)
        _on_terminate(asyncio.get_running_loop(), task)
        try:
            await task
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    asyncio.run(ended_in_good_order())


def _on_terminate(loop: AbstractEventLoop, task: Task[None]) -> None:
    import contextlib
    import signal

    with contextlib.suppress(RuntimeError):  # which it is outside the main thread: nobody else gets signals
        loop.add_signal_handler(signal.SIGTERM, task.cancel)


def _with_skipped(report: WorkReport, queued: PendingReport) -> WorkReport:
    report.skipped += len(queued.skipped)
    report.failures += queued.skipped
    return report
