"""How does a live application get a summary at once, free and offline, and a better one a little later?

``queue_session_summary`` copies the session into a mapped file (``jobs/spool.py``) and returns. Threads do the rest
(``background.py``). Whatever is not done when the process ends is done by the next one.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson

from ion_summary.errors import UsageError
from ion_summary.jobs import counting
from ion_summary.jobs.queue import Queue
from ion_summary.jobs.schema import GIVEN_UP, SKIPPED, STORED
from ion_summary.jobs.spool import left_behind
from ion_summary.model import Message
from ion_summary.operations.background import Storing, Upgrading
from ion_summary.operations.queueing import queued
from ion_summary.operations.work_report import WorkReport
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.summarizers import rule
from ion_summary.text.clean import one_line

if TYPE_CHECKING:
    from ion_summary.config import Settings
    from ion_summary.operations.llm import Llm

_log = logging.getLogger("ion_summary")
_POLL_S = 0.05
#: A session that grows is asked about when nothing has been added to it for so long.
SETTLE_S = 20.0


@dataclass
class _Counts:
    realtime: int = 0
    queued: int = 0


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
        self._storing: Storing | None = None
        self._upgrading: Upgrading | None = None

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

        Returns False if nothing was said, or the disk has no room. Raises UsageError for ids that are no text or too
        long, messages that are none or of nobody, and numbers that mean nothing, and after ``shutdown``.
        """
        kept = queued(session_id, user_id, messages, max_bullets, max_chars, temperature, priority)
        if kept is None:
            return False
        session, item = kept
        try:
            self._started().put(session, item)
        except OSError as error:
            _log.error("session %s cannot be queued: %s", session, error.strerror)
            return False
        except ValueError:
            raise _shut_down() from None
        self._counts.queued += 1
        return True

    def get_session_summary(self, session_id: str) -> str | None:
        """The best summary there is of a session: the LLM's, else the rule's; None if it is not known."""
        item = self._storing.item(one_line(session_id)) if self._storing else None
        if item is not None:  # queued a moment ago, and not stored yet
            return _rule_summary(orjson.loads(item))
        record = self._storage.load(session_id)
        if record is None and self._storing is None:
            return self._left_behind(one_line(session_id))
        return None if record is None else record.summary

    def _left_behind(self, session: str) -> str | None:
        """The rule summary of what a process had queued that died before it was stored."""
        left = [
            fields for fields in map(orjson.loads, left_behind(self._storage.path)) if fields["session_id"] == session
        ]
        return _rule_summary(max(left, key=itemgetter("queued_ms"))) if left else None

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
        done, failed = self._report.done, self._report.failed
        waiting = len(self._storing) if self._storing else 0
        return {
            "initialized": self._storing is not None,
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
        with self._starting:
            self._closed = True
            storing, upgrading, self._storing, self._upgrading = self._storing, self._upgrading, None, None
        if self._process != os.getpid():
            return
        if upgrading is not None:
            upgrading.end()
        if storing is not None:
            storing.end()

    def start(self) -> None:
        """Begins with what earlier processes have left; queueing a session begins with it, too."""
        self._started()

    def _started(self) -> Storing:
        storing = self._storing
        if storing is not None and self._process == os.getpid():
            return storing
        with self._starting:
            if self._storing is not None and self._process == os.getpid():
                return self._storing
            if self._closed:
                raise _shut_down()
            # After a fork neither threads nor locked files are this process's.
            self._process = os.getpid()
            self._storing = Storing(self._storage, self._settle_ms)
            if self._make_llm is not None:
                self._upgrading = Upgrading(self._storage, self._make_llm, self._report)
            return self._storing

    def _is_decided(self, session_id: str) -> bool:
        if self._storing is None or self._upgrading is None:
            return True
        if self._storing.item(one_line(session_id)) is not None:
            return False
        if not self._upgrading.is_possible:
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


def _shut_down() -> UsageError:
    return UsageError(reason="it has been shut down", accepted="make another HybridSummarizer")


def _rule_summary(fields: Mapping[str, Any]) -> str:
    return rule.summarize(fields["messages"], fields["max_bullets"], fields["max_chars"])
