"""How is the queue worked off: by several calls at once, in bounded memory, and so that a kill costs next to nothing?

Jobs are claimed a few at a time, asked through the summarizer that is given (which limits, repeats and records its
calls), acknowledged as soon as they are answered, and their records written in groups.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from ion_summary.errors import OverBudgetError, ProviderError, ProviderUnavailableError, StoreLockedError
from ion_summary.jobs.database import checkpoint
from ion_summary.jobs.job import Answer, Failure, Job
from ion_summary.jobs.ledger import Ledger
from ion_summary.jobs.owners import RENEW_S
from ion_summary.jobs.queue import Queue
from ion_summary.model import Usage
from ion_summary.operations.asking import Question, questions
from ion_summary.operations.attempts import Attempts, Outcome
from ion_summary.operations.storing import GROUP, store_answers, store_failures
from ion_summary.operations.work_report import WorkReport, WorkRequest, failure
from ion_summary.progress import Progress
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.summarizers.llm import LlmSummarizer

_STORE_EVERY_S = 1.0
_WATCH_EVERY_S = 0.25
_DRAIN_EVERY_S = 0.1
# An equal session is being asked for by another process.
_BUSY_MS = 1_000


async def work(
    storage: SessionSummaryStorage,
    queue: Queue,
    summarizer: LlmSummarizer,
    request: WorkRequest,
    progress: Progress,
    report: WorkReport | None = None,
) -> WorkReport:
    """Works the queue off. When cancelled it lets calls that are under way end, keeps their answers, and then ends.

    ``report`` is what is filled in meanwhile, for somebody who wants to look at it.
    Raises StoreLockedError, StoreNotWritableError: what was answered until then stays in the queue.
    """
    run = _Run(storage, queue, summarizer, request, progress, WorkReport() if report is None else report)
    begun = time.monotonic()
    try:
        await run.work()
    finally:
        run.report.elapsed_s = round(time.monotonic() - begun, 3)
    charge(run.report, queue)
    return run.report


def charge(report: WorkReport, queue: Queue) -> None:
    """Enters into ``report`` what this process has paid so far."""
    spent = Ledger(queue).of_this_run()
    report.usage = Usage(spent.input, spent.output, spent.cached)
    report.cost_usd = spent.cost_usd


class _Run:
    """One run: the questions that are ready, the tasks under way, and what has not been written yet."""

    def __init__(
        self,
        storage: SessionSummaryStorage,
        queue: Queue,
        summarizer: LlmSummarizer,
        request: WorkRequest,
        progress: Progress,
        report: WorkReport,
    ) -> None:
        self.report = report
        self._storage = storage
        self._queue = queue
        self._ledger = Ledger(queue)
        self._summarizer = summarizer
        self._request = request
        self._progress = progress
        self._ready: deque[Question] = deque()
        self._attempts = Attempts(queue, summarizer)
        self._failures: list[tuple[Job, Failure]] = []
        self._unstored = 0
        self._claimed = 0
        self._busy_until = 0.0
        self._too_dear: OverBudgetError | None = None
        # Jobs for which the provider could not be had, as long as it has answered nobody. They stay claimed.
        self._unreached: list[tuple[Job, ProviderUnavailableError]] = []
        self._has_answered = False
        self._begun = self._stored_at = self._renewed_at = time.monotonic()

    async def work(self) -> None:
        """Until there is nothing left, or no point in going on."""
        import asyncio

        self._progress.start("summarize", self._total(), "sessions")
        try:
            self._ledger.give_up_open()
            await self._store(at_once=True)
            while await self._refill() or self._attempts or self._goes_on():
                self._launch()
                await self._wait()
                await self._settle()
        except BaseException:  # interrupted, or the disk is full: calls under way are paid all the same
            await asyncio.shield(self._drain())
            raise
        finally:
            self._give_back()
        await self._store(at_once=True)
        if self._unreached:  # it is not for these sessions that it failed: they were given back
            self.report.stopped = self.report.stopped or self._unreached[-1][1]
        if not self.report.done:
            self.report.stopped = self.report.stopped or self._too_dear
        self._progress.finish()

    def _total(self) -> int | None:
        due = self._queue.count_due(self._request.wanted)
        return None if self._request.watch else due if self._request.limit is None else min(due, self._request.limit)

    async def _refill(self) -> bool:
        """Claims jobs when a good part of the window is free; whether there are questions to be asked.

        The window is wider than what is asked at once: whoever waits for a place has its question ready.
        """
        import asyncio

        free = self._request.window - len(self._ready) - len(self._attempts)
        room = free if self._request.limit is None else min(free, self._request.limit - self._claimed)
        worth_it = free >= self._request.window // 4 or not self._attempts
        if self.report.stopped is None and room > 0 and worth_it:
            jobs = self._queue.claim(room, self._request.wanted)
            self._claimed += len(jobs)
            asked = await asyncio.to_thread(questions, self._storage, jobs, redact=self._request.redact)
            self._skip([question for question in asked if question.request is None])
            self._ready += [question for question in asked if question.request is not None]
        return bool(self._ready)

    def _goes_on(self) -> bool:
        """Whether more is to be expected: because that was asked for, or from what another process is asking."""
        return self.report.stopped is None and (self._request.watch or time.monotonic() < self._busy_until)

    def _skip(self, skipped: Sequence[Question]) -> None:
        if skipped:
            self._queue.skip((question.job, question.problem) for question in skipped)
            self.report.skipped += len(skipped)
            for question in skipped:
                self.report.name(question.job, question.problem)
            self._progress.advance(len(skipped))

    def _launch(self) -> None:
        while self._ready and self.report.stopped is None:
            question = self._ready.popleft()
            assert question.request is not None
            self._attempts.begin(question.job, question.request)

    async def _wait(self) -> None:
        import asyncio

        if self._attempts:
            await self._attempts.wait(_STORE_EVERY_S)
        elif not self._ready:
            await asyncio.sleep(_WATCH_EVERY_S)

    async def _settle(self) -> None:
        """Takes account of the attempts that have ended."""
        answered, failed, busy = list[Answer](), list[tuple[Job, Failure]](), list[Job]()
        for outcome in self._attempts.outcomes():
            if self._is_unreached(outcome):
                continue
            if outcome.error is not None:
                self._fail(outcome.job, outcome.error, failed, busy)
            elif outcome.answer is None:
                busy.append(outcome.job)
                self._claimed -= 1
                self._busy_until = time.monotonic() + 2 * _BUSY_MS / 1000
            else:
                answered.append(outcome.answer)
        if self._has_answered:
            for job, error in self._unreached:
                self._fail(job, error, failed, busy)
            self._unreached.clear()
        self._unstored += len(answered)
        self.report.done += len(answered)
        self._progress.advance(len(answered))
        if answered:
            self._queue.answer(answered)
        if failed:
            self._queue.fail(failed, self._summarizer.fingerprint)
            self._failures += failed
        if busy:
            self._queue.release(busy, for_ms=0 if self.report.stopped else _BUSY_MS)
        await self._store()

    def _is_unreached(self, outcome: Outcome) -> bool:
        """Notes whether the provider answers at all; whether this failure is to wait until that is known.

        Whoever watches does not wait: it ends when nothing has succeeded for long. Nor does what may have been billed.
        """
        error = outcome.error
        if not isinstance(error, ProviderUnavailableError):
            asked = outcome.answer is not None or not (error is None or isinstance(error, OverBudgetError))
            self._has_answered = self._has_answered or asked
            return False
        if error.whole_run or error.perhaps_billed or self._request.watch or self._has_answered:
            return False
        self._unreached.append((outcome.job, error))
        return True

    def _fail(self, job: Job, error: ProviderError, failed: list[tuple[Job, Failure]], busy: list[Job]) -> None:
        if error.whole_run:
            self.report.stopped = self.report.stopped or error
            busy.append(job)  # it has not failed, it was not tried
            return
        if isinstance(error, OverBudgetError):
            self._too_dear = error  # nobody was asked: it stays in hand, so that this run does not meet it again
        else:
            why = failure(job, error)
            failed.append((job, why))
            self.report.fallback += not why.retry
        self.report.failed += 1
        self.report.name(job, error.reason)
        self._progress.advance(1)

    async def _store(self, *, at_once: bool = False) -> None:
        """Writes records, if there is enough to write or it is time."""
        import asyncio

        now = time.monotonic()
        if now - self._renewed_at > RENEW_S:
            self._renewed_at = now
            self._queue.renew()
        if not at_once and self._unstored < GROUP and now - self._stored_at < _STORE_EVERY_S:
            return
        failures, self._failures, self._unstored = self._failures, [], 0
        try:
            await asyncio.to_thread(store_answers, self._storage, self._queue)
            await asyncio.to_thread(store_failures, self._storage, failures, self._summarizer.fingerprint)
            await asyncio.to_thread(checkpoint, self._queue.root)
        except StoreLockedError:
            if at_once:
                raise
            self._failures += failures  # the answers are kept in the queue: there will be a better moment
        self._stored_at = time.monotonic()
        self._request.renew()
        self._remark()

    def _remark(self) -> None:
        seconds = time.monotonic() - self._begun
        rate = (self.report.done + self.report.failed) / seconds if seconds else 0.0
        self._progress.remark(f"{rate:.1f}/s · ${self._ledger.of_this_run().cost_usd:.4f}")

    async def _drain(self) -> None:
        """Lets the calls that are under way end: they are paid."""
        self._progress.remark("ending: waiting for answers that are paid")
        while self._attempts:
            self._attempts.wind_down()
            await self._attempts.wait(_DRAIN_EVERY_S)
            await self._settle()
        await self._store(at_once=True)

    def _give_back(self) -> None:
        self._attempts.cancel()
        self._queue.release()
        self._ready.clear()
