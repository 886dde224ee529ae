"""What does a process do beside its application: store what was queued, and have the model summarize it?

Two threads. ``Storing`` takes what the application has put into the spool (``jobs/spool.py``), stores it with its rule
summary and queues its job; ``Upgrading`` works the queue off in an event loop of its own.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ion_summary.errors import IonSummaryError, StoreCorruptError, StoreLockedError, StoreNotWritableError
from ion_summary.jobs.queue import Queue
from ion_summary.jobs.spool import DIRECTORY, Segment, Spool
from ion_summary.operations.absorbing import absorb, session_of
from ion_summary.operations.work_report import WorkReport, WorkRequest
from ion_summary.operations.working import work
from ion_summary.progress import Silent
from ion_summary.store import quarantine
from ion_summary.store.storage import SessionSummaryStorage

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task

    from ion_summary.operations.llm import Llm

_log = logging.getLogger("ion_summary")
_GROUP = 100
# Summarizing holds the interpreter: it waits until the application has queued what it has to queue, but not for ever.
_QUIET_S, _LONGEST_WAIT_S = 0.02, 0.5
_SYNC_EVERY_S = 0.05
_AGAIN_S = 1.0
#: After a failure that all calls would meet, the first rest; each one that follows is twice as long.
REST_S, _LONGEST_REST_S = 1.0, 60.0


class Storing:
    """Keeps what is put, and stores it in a thread of its own.

    Args:
        storage: where to.
        settle_ms: milliseconds without growth after which a session that has grown is asked about again.
    """

    def __init__(self, storage: SessionSummaryStorage, settle_ms: int) -> None:
        self._storage = storage
        self._settle_ms = settle_ms
        self._spool = Spool(storage.path)
        self._fresh: dict[str, tuple[Segment, int]] = {}
        self._wake, self._ending = threading.Event(), threading.Event()
        self._put_at = 0.0
        self._thread = threading.Thread(target=self._absorb_all, name="ion-summary store", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """How many sessions wait to be stored."""
        return len(self._fresh)

    def put(self, session: str, item: bytes) -> None:
        """Keeps a session: from now on not even ``kill -9`` loses it. Raises as ``Spool.put``."""
        self._fresh[session] = self._spool.put(item)
        self._put_at = time.monotonic()
        self._wake.set()

    def item(self, session: str) -> bytes | None:
        """What was last put for a session, if it is not stored yet."""
        place = self._fresh.get(session)
        return self._spool.read(place) if place else None

    def end(self) -> None:
        """Stores what there is; waits for it."""
        self._ending.set()
        self._wake.set()
        self._thread.join()

    def _absorb_all(self) -> None:
        """Stores what was queued, until the end."""
        queue: Queue | None = None
        self._wake.set()  # there may be something of a process before this one
        while True:
            self._wake.wait()
            self._wake.clear()
            try:
                self._settle_down()
                self._spool.adopt()
                queue = queue or Queue(self._storage.path)
                while self._absorb_some(queue):
                    self._spool.sync()
            except (IonSummaryError, OSError) as error:
                _log.warning("what was queued stays in the spool for now: %s", error)
                if not self._ending.wait(_AGAIN_S):
                    self._wake.set()
            if self._ending.is_set():
                break
        self._spool.sync()
        self._spool.close()
        if queue is not None:
            queue.close()

    def _settle_down(self) -> None:
        """Waits for a moment in which nothing is queued; the disk has what was until then."""
        begun = time.monotonic()
        while not self._ending.is_set() and time.monotonic() - begun < _LONGEST_WAIT_S:
            if time.monotonic() - self._put_at > _QUIET_S:
                break
            self._ending.wait(_SYNC_EVERY_S if time.monotonic() - begun > _SYNC_EVERY_S else _QUIET_S)
            self._spool.sync()
        self._spool.sync()

    def _absorb_some(self, queue: Queue) -> bool:
        taken = self._spool.take(_GROUP)
        if not taken:
            return False
        self._absorb(queue, [item for _, _, item in taken if item is not None])
        self._spool.done(taken)
        for session, place in list(self._fresh.items()):
            if self._spool.read(place) is None and self._fresh.get(session) is place:
                del self._fresh[session]
        return True

    def _absorb(self, queue: Queue, items: Sequence[bytes]) -> None:
        """Stores sessions; one that cannot be stored goes to quarantine, so that it is not in the way of the others."""
        try:
            unread = absorb(self._storage, queue, items, self._settle_ms)
            problem = "no message of it can be read"
        except (StoreLockedError, StoreNotWritableError, StoreCorruptError, OSError):
            raise  # that is not about them: later
        except Exception as error:  # noqa: BLE001 - whatever it is, it would happen again each time
            if len(items) > 1:
                for item in items:
                    self._absorb(queue, [item])
                return
            unread, problem = [session_of(item) for item in items], f"it cannot be stored ({type(error).__name__})"
        for item in items:
            if (session := session_of(item)) in unread:
                _log.error("session %s goes to quarantine: %s", session, problem)
                with self._storage.writing():
                    root = self._storage.path
                    quarantine.keep(root, root / DIRECTORY / "application", 0, item, problem)


class Upgrading:
    """Has a model summarize what is queued, in a thread of its own.

    Args:
        storage: whose queue.
        make_llm: makes what asks the model; called in the thread.
        report: what is filled in meanwhile.
    """

    def __init__(self, storage: SessionSummaryStorage, make_llm: Callable[[Queue], Llm], report: WorkReport) -> None:
        self.is_possible = True
        self._storage = storage
        self._make_llm = make_llm
        self._report = report
        self._ending = False
        self._loop: AbstractEventLoop | None = None
        self._task: Task[Any] | None = None
        self._thread = threading.Thread(target=self._upgrade, name="ion-summary llm", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Lets calls under way end, and keeps what they answer; waits for it."""
        self._ending = True
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(task.cancel)
        self._thread.join()

    def _upgrade(self) -> None:
        """Works the queue off, until the end."""
        import asyncio

        try:
            asyncio.run(self._work())
        except asyncio.CancelledError:
            pass
        except IonSummaryError as error:
            self.is_possible = False
            _log.warning("LLM summaries are off: %s (%s)", error.message, error.hint)
        except BaseException:
            self.is_possible = False  # nobody is to wait for what never comes
            raise

    async def _work(self) -> None:
        import asyncio

        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if self._ending:
            return
        with await self._queue() as queue:
            llm = self._make_llm(queue)
            request = WorkRequest(window=llm.window, redact=llm.redact, watch=True, renew=llm.renew)
            rest_s, done = REST_S, 0
            try:
                while True:
                    try:
                        await work(self._storage, queue, llm.summarizer, request, Silent(), self._report)
                        stopped: IonSummaryError | None = self._report.stopped
                    except IonSummaryError as error:  # the store is busy, or the disk is full
                        stopped = error
                    if self._ending:  # the store was busy as the answers under way were to be written: they are kept
                        return
                    self._report.stopped = None
                    rest_s = REST_S if self._report.done > done else min(2 * rest_s, _LONGEST_REST_S)
                    done = self._report.done
                    _log.warning("LLM summaries rest for %.0f s: %s", rest_s, stopped)
                    await asyncio.sleep(rest_s)
            finally:
                await llm.summarizer.close()

    async def _queue(self) -> Queue:
        """The queue, as soon as it can be opened: a disk that is full now need not stay so."""
        import asyncio

        rest_s = REST_S
        while True:
            try:
                return Queue(self._storage.path)
            except StoreNotWritableError as error:
                _log.warning("LLM summaries rest for %.0f s: %s", rest_s, error)
            await asyncio.sleep(rest_s)
            rest_s = min(2 * rest_s, _LONGEST_REST_S)
