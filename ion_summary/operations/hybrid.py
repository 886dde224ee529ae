"""How does a live application get a summary at once, free and offline, and a better one a little later?

``queue_session_summary`` copies the session into a mapped file (``jobs/spool.py``) and returns. One thread of the
process stores what was copied, with its rule summary, and queues its job; another one, with an event loop of its own,
works the queue off. Whatever is not done when the process ends is done by the next one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from ion_summary.errors import IonSummaryError, UsageError
from ion_summary.jobs import counting
from ion_summary.jobs.queue import Queue
from ion_summary.jobs.schema import GIVEN_UP, SKIPPED, STORED
from ion_summary.jobs.spool import Segment, Spool
from ion_summary.model import Message
from ion_summary.operations.absorbing import absorb
from ion_summary.operations.work_report import WorkReport, WorkRequest
from ion_summary.operations.working import work
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.summarizers import rule
from ion_summary.text.clean import one_line

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task

    from ion_summary.config import Settings
    from ion_summary.operations.llm import Llm

_log = logging.getLogger("ion_summary")
_GROUP = 100
# Summarizing holds the interpreter: it waits until the application has queued what it has to queue, but not for ever.
_QUIET_S, _LONGEST_WAIT_S = 0.02, 0.5
_SYNC_EVERY_S = 0.05
_AGAIN_S = 1.0
_REST_S = 60.0
_POLL_S = 0.05
#: A session that grows is asked about when nothing has been added to it for so long.
SETTLE_S = 20.0


@dataclass
class _Counts:
    realtime: int = 0
    queued: int = 0
    unreadable: int = 0


class HybridSummarizer:
    """Rule summaries at once, LLM summaries in the background. Threads may share it.

    Args:
        storage: where sessions and summaries are kept.
        make_llm: makes what asks the model; called in the background thread. None: there are rule summaries only.
        settle_s: seconds without growth after which a session that has grown is asked about again.
    """

    def __init__(
        self,
        storage: SessionSummaryStorage,
        make_llm: Callable[[Queue], Llm] | None = None,
        *,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._storage = storage
        self._make_llm = make_llm
        self._settle_ms = round(settle_s * 1000)
        self._starting = threading.Lock()
        self._counts = _Counts()
        self._report = WorkReport()
        self._process = 0
        self._closed = False

    # -- what an application calls ------------------------------------------------------------------------------------

    def get_realtime_summary(
        self,
        messages: Sequence[Message | Mapping[str, Any]],
        running_summary: str | None = None,
        max_bullets: int = 6,
        max_chars: int = 600,
        per_line_max: int = 120,
    ) -> str:
        """The main points of a conversation that goes on, without asking anybody.

        Args:
            messages: what was said since ``running_summary``, or all of it.
            running_summary: what this method returned at the turn before.
            max_bullets: lines, at most.
            max_chars: characters, at most.
            per_line_max: characters of a line, at most.
        """
        self._counts.realtime += 1
        return rule.realtime_summary(messages, running_summary, max_bullets, max_chars, per_line_max)

    def queue_session_summary(
        self,
        session_id: str,
        user_id: str,
        messages: Sequence[Message | Mapping[str, Any]],
        max_bullets: int = 8,
        max_chars: int = 800,
        temperature: float = 0.3,
        priority: int = 0,
    ) -> bool:
        """Has a session stored and summarized; from the return on not even ``kill -9`` loses it.

        Returns at once. The rule summary can be had immediately, the LLM's when it is there. Of a session that is
        queued again, with more messages, the newest state counts.

        Args:
            session_id: the session's id.
            user_id: whose it is.
            messages: all of its messages, in order.
            max_bullets: lines of the summary, at most.
            max_chars: characters of it, at most.
            temperature: how freely the model chooses its words, 0 to 2.
            priority: higher ones are summarized first.

        Returns False if nothing was said, or the disk has no room. Raises UsageError for ids that are no text, and
        messages that are none.
        """
        session = one_line(session_id) if isinstance(session_id, str) else ""
        if not (session and isinstance(user_id, str)):
            raise UsageError(reason="session_id and user_id are texts", accepted="pass them as str")
        if not messages:
            return False
        fields = {
            "session_id": session,
            "user_id": user_id or "unknown",
            "messages": [_fields(message) for message in messages],
            "queued_ms": time.time_ns() // 1_000_000,
            "max_bullets": max_bullets,
            "max_chars": max_chars,
            "temperature": temperature,
            "priority": priority,
        }
        try:
            item = orjson.dumps(fields, default=str, option=orjson.OPT_UTC_Z)
        except (TypeError, ValueError) as error:
            raise UsageError(reason=f"messages: {error}", accepted="texts that are Unicode") from None
        self._start()
        try:
            self._fresh[session] = self._spool.put(item)
        except OSError as error:
            _log.error("session %s cannot be queued: %s", session, error.strerror)
            return False
        self._counts.queued += 1
        self._put_at = time.monotonic()
        self._wake.set()
        return True

    def get_session_summary(self, session_id: str) -> str | None:
        """The best summary there is of a session: the LLM's, else the rule's; None if it is not known."""
        place = self._fresh.get(one_line(session_id)) if self._process else None
        item = self._spool.read(place) if place else None
        if item is not None:  # queued a moment ago, and not stored yet
            fields = orjson.loads(item)
            return rule.summarize(fields["messages"], fields["max_bullets"], fields["max_chars"])
        record = self._storage.load(session_id)
        return None if record is None else record.summary

    async def wait(self, session_id: str, timeout: float | None = None) -> bool:
        """Waits until a session has its LLM summary, for at most ``timeout`` seconds (None: as long as it takes).

        True if it has; False if that took too long, or will not be (no key, refused, not queued).
        """
        import asyncio

        deadline = None if timeout is None else time.monotonic() + timeout
        while not await asyncio.to_thread(self._is_decided, session_id):
            if deadline is not None and time.monotonic() >= deadline:
                return False
            await asyncio.sleep(_POLL_S)
        record = await asyncio.to_thread(self._storage.load, session_id)
        return record is not None and record.summary_type == "llm"

    def get_stats(self) -> dict[str, Any]:
        """What this object has done, and what the store holds."""
        done, failed = self._report.done, self._report.failed + self._counts.unreadable
        waiting = len(self._fresh) if self._process else 0
        return {
            "initialized": bool(self._process),
            "realtime_summaries": self._counts.realtime,
            "session_summaries_queued": self._counts.queued,
            "session_summaries_completed": done,
            "session_summaries_failed": failed,
            "queue_size": counting.pending(self._storage.path) + waiting,
            "success_rate": done / (done + failed) if done + failed else 0.0,
            "storage": self._storage.get_stats(),
        }

    async def shutdown(self) -> None:
        """Ends the background work. Answers that are paid are kept; what is left stays queued for the next process."""
        import asyncio

        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """``shutdown`` for programs without an event loop."""
        self._closed = True
        if self._process != os.getpid():
            return
        self._ending.set()
        self._wake.set()
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(task.cancel)
        for thread in self._threads:
            thread.join()
        self._process = 0

    # -- in the background --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins with what earlier processes have left; queueing a session begins with it, too."""
        self._start()

    def _start(self) -> None:
        if self._process == os.getpid():
            return
        with self._starting:
            if self._process == os.getpid():
                return
            if self._closed:
                raise UsageError(reason="it has been shut down", accepted="make another HybridSummarizer")
            # After a fork neither threads nor locked files are this process's.
            self._spool = Spool(self._storage.path)
            self._fresh: dict[str, tuple[Segment, int]] = {}
            self._wake, self._ending = threading.Event(), threading.Event()
            self._put_at = 0.0
            self._loop: AbstractEventLoop | None = None
            self._task: Task[Any] | None = None
            self._has_llm = self._make_llm is not None
            self._threads = [threading.Thread(target=self._absorb_all, name="ion-summary store", daemon=True)]
            if self._make_llm is not None:
                self._threads.append(threading.Thread(target=self._upgrade, name="ion-summary llm", daemon=True))
            self._process = os.getpid()
            for thread in self._threads:
                thread.start()

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
                    pass
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
        items = [item for _, _, item in taken if item is not None]
        absorb(self._storage, queue, items, self._settle_ms)
        self._spool.done(taken)
        for session, place in list(self._fresh.items()):
            if self._spool.read(place) is None and self._fresh.get(session) is place:
                del self._fresh[session]
        return True

    def _upgrade(self) -> None:
        """Works the queue off, until the end."""
        import asyncio

        try:
            asyncio.run(self._work())
        except asyncio.CancelledError:
            pass
        except IonSummaryError as error:
            self._has_llm = False
            _log.warning("LLM summaries are off: %s (%s)", error.message, error.hint)

    async def _work(self) -> None:
        import asyncio

        assert self._make_llm is not None
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if self._ending.is_set():
            return
        with Queue(self._storage.path) as queue:
            llm = self._make_llm(queue)
            request = WorkRequest(window=llm.window, redact=llm.redact, watch=True, renew=llm.renew)
            try:
                while True:
                    try:
                        await work(self._storage, queue, llm.summarizer, request, Silent(), self._report)
                        stopped: IonSummaryError | None = self._report.stopped
                    except IonSummaryError as error:  # the store is busy, or the disk is full
                        stopped = error
                    _log.warning("LLM summaries rest for %.0f s: %s", _REST_S, stopped)
                    self._report.stopped = None
                    await asyncio.sleep(_REST_S)
            finally:
                await llm.summarizer.close()

    def _is_decided(self, session_id: str) -> bool:
        if self._process and (place := self._fresh.get(one_line(session_id))) and self._spool.read(place):
            return False
        if not self._process or not self._has_llm:
            return True
        state = counting.state_of(self._storage.path, one_line(session_id))
        return state in (None, STORED, GIVEN_UP, SKIPPED)


def get_hybrid_summarizer(
    storage: SessionSummaryStorage | None = None, *, settings: Settings | None = None
) -> HybridSummarizer:
    """The hybrid summarizer with the store, key, model and limits that the command line would use.

    Raises ConfigurationError for a bad variable or settings file. Without a key there are rule summaries only, which is
    said once, in the log ``ion_summary``.
    """
    from ion_summary.config import resolve
    from ion_summary.operations.llm import make_llm
    from ion_summary.operations.session_storage import get_session_storage

    settings = settings or resolve({}, os.environ)
    return HybridSummarizer(storage or get_session_storage(), partial(make_llm, settings))


def _fields(message: Message | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(message, Message):
        return {
            "role": message.role,
            "content": message.content,
            "timestamp": message.timestamp,
            "name": message.name,
        }
    if not isinstance(message, Mapping):
        raise UsageError(reason=f"a message is no {type(message).__name__}", accepted="a Message or a mapping")
    return message
