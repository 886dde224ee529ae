"""How is the queue worked off at half the price: in batches that the provider answers within a day?

Every batch is noted with its requests before it is sent, and found again by their hash: whenever this is killed, the
next run waits for the same batch, and nothing is paid twice.
"""

from __future__ import annotations

import time
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import orjson

from ion_summary.errors import OverBudgetError, ProviderError, ProviderUnavailableError
from ion_summary.jobs.batches import Batch, Batches, Member
from ion_summary.jobs.job import Answer, Failure, Job
from ion_summary.jobs.ledger import Ledger, Sent
from ion_summary.jobs.owners import RENEW_S
from ion_summary.jobs.queue import Queue
from ion_summary.model import Message, Usage
from ion_summary.operations.asking import Question, questions
from ion_summary.operations.llm import LlmBatch
from ion_summary.operations.recording import billed, encode
from ion_summary.operations.storing import store_answers, store_failures
from ion_summary.operations.work_report import MOST_NAMED, WorkReport, WorkRequest, failure
from ion_summary.progress import Progress
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.summarizers.llm import LlmRequest, LlmSummary, content_hash

_CLAIM = 200
# Sessions of a batch: their texts are in memory until it is sent.
_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Round:
    """What has come of one round of batches.

    ``too_long`` are the sessions that no single request holds: they wait still. ``begun`` counts the jobs of this round
    without those that were given back. ``again``: there are such, and the answers of this round may help: its cost is
    known now, and equal questions have been answered.
    """

    report: WorkReport
    too_long: list[str]
    begun: int
    again: bool


async def work_in_batches(
    storage: SessionSummaryStorage, queue: Queue, llm: LlmBatch, request: WorkRequest, progress: Progress
) -> Round:
    """Sends what is queued, as far as the budget allows whatever the answers cost, and waits for these.

    Raises StoreLockedError, StoreNotWritableError: what was answered until then stays in the queue.
    """
    import asyncio

    run = _Run(storage, queue, llm, request, progress)
    begun = time.monotonic()
    progress.start("summarize in batches", None, "sessions")
    store_answers(storage, queue)
    renewing = asyncio.ensure_future(run.renew())
    try:
        taken = run.batches.take()
        llm.renew(run.asked_in(taken))
        waited = [run.collect(batch) for batch in taken]
        waited += [run.collect(batch) for batch in run.entered()]
        for error in await asyncio.gather(*waited, return_exceptions=True):
            if isinstance(error, ProviderError):
                run.report.stopped = run.report.stopped or error
            elif error is not None:
                raise error
    finally:
        renewing.cancel()
        queue.release()
        store_answers(storage, queue)
    progress.finish()
    spent = Ledger(queue).of_this_run()
    run.report.usage = Usage(spent.input, spent.output, spent.cached)
    run.report.cost_usd = spent.cost_usd
    run.report.elapsed_s = round(time.monotonic() - begun, 3)
    return Round(run.report, run.too_long, run.begun, run.again)


class _Run:
    """One run: batches are put together, sent, and waited for, all at once."""

    def __init__(
        self,
        storage: SessionSummaryStorage,
        queue: Queue,
        llm: LlmBatch,
        request: WorkRequest,
        progress: Progress,
    ) -> None:
        self.report = WorkReport()
        self.too_long: list[str] = []
        self.batches = Batches(queue)
        self.begun = 0
        self.again = False
        self._is_full = False
        self._keys = set[str]()  # of the questions under way
        self._storage = storage
        self._queue = queue
        self._ledger = Ledger(queue)
        self._llm = llm
        self._request = request
        self._progress = progress

    async def renew(self) -> None:
        """Says that this process is still there, for as long as it waits."""
        import asyncio

        while True:
            await asyncio.sleep(RENEW_S)
            self._queue.renew()

    def asked_in(self, batches: Sequence[Batch]) -> Iterator[LlmRequest]:
        """The requests of batches that are not answered yet."""
        for batch in batches:
            self._keys |= batch.calls.keys()
            for key in batch.calls:
                request = self._request_of(batch, key)
                if request is not None:
                    yield request

    def entered(self) -> Iterator[Batch]:
        """The batches of what is queued, noted and not yet sent."""
        while self._goes_on() and (asked := self._asked()):
            yield from self._entered(asked)

    def _goes_on(self) -> bool:
        return self.report.stopped is None and not self._is_full

    def _entered(self, asked: Sequence[Question]) -> Iterator[Batch]:
        keyed = {question.job.id: question for question in asked}
        requests = [question.request for question in asked if question.request is not None]
        for group in self._llm.summarizer.split(requests):
            members = self._members([keyed[int(request.key)] for request in group]) if self._goes_on() else []
            self.begun -= len(group) - len(members)
            if members:
                yield self.batches.enter(members, self._llm.summarizer.fingerprint, self._llm.model)

    def _asked(self) -> list[Question]:
        """What is to be asked next, of the jobs that are due. What is known, too long or not there is no part of it."""
        found: list[Question] = []
        while len(found) < _AT_ONCE:
            left = None if self._request.limit is None else self._request.limit - self.begun
            most = _CLAIM if left is None else min(_CLAIM, left)
            jobs = self._queue.claim(most, self._request.wanted)
            if not jobs:
                break
            self.begun += len(jobs)
            for question in questions(self._storage, jobs, redact=self._request.redact):
                if question.request is None:
                    self._skip(question)
                elif self._is_known(question):
                    self._done([question.job])
                elif not self._llm.fits(question.request):
                    self.too_long.append(question.job.session)
                else:
                    found.append(question)
        return found

    def _is_known(self, question: Question) -> bool:
        assert question.request is not None
        key = content_hash(self._llm.summarizer.fingerprint, question.request)
        if self._queue.result(key) is None:
            return False
        self._queue.answer([Answer(question.job, key, None)])
        return True

    def _members(self, group: Sequence[Question]) -> list[Member]:
        """The members of a batch, as many as the budget allows; equal requests are sent once, in one batch."""
        members: list[Member] = []
        keys: set[str] = set()
        for question in group:
            assert question.request is not None
            key = content_hash(self._llm.summarizer.fingerprint, question.request)
            if key in self._keys:
                self.again = True
                continue
            cost = 0.0 if key in keys else self._llm.cost(self._llm.summarizer.estimate(question.request))
            problem = "" if key in keys else self._llm.plan(question.request)
            if problem:
                self._stop(problem)
                break
            body = "" if key in keys else _written(replace(question.request, key=key))
            keys.add(key)
            members.append(Member(question.job, key, body, cost))
        self._keys |= keys
        return members

    def _stop(self, problem: str) -> None:
        """Sends no more: for good if nothing is under way that may cost less than planned."""
        if self._llm.planned_usd:
            self._is_full = self.again = True
        else:
            self.report.stopped = OverBudgetError(reason=problem, whole_run=True, calls=0)

    async def collect(self, batch: Batch) -> None:
        """Sends a batch, if it is not under way, waits for it, and keeps its answers."""
        told = set[str]()
        try:
            if batch.name is None:
                name = await self._llm.summarizer.submit_or_attach(list(map(_read, self.batches.bodies(batch))))
                self.batches.named(batch, name)
                batch = replace(batch, name=name)
            assert batch.name is not None
            async for key, result in self._llm.summarizer.results(batch.name, partial(self._request_of, batch)):
                self._take_in(batch, key, result)
                told.add(key)
            self._fail(_untold(batch, told), ProviderUnavailableError(reason="the batch has no answer to it"))
        except ProviderError as error:
            if batch.name is None and not (error.terminal or error.whole_run):
                raise  # perhaps it was made: the next run looks for it
            self._fail(_untold(batch, told), error)
        left = self.batches.end(batch)
        if batch.name is not None:
            await self._llm.summarizer.discard(batch.name)
        self._progress.remark(f"{left} to be asked again" if left else "")
        store_answers(self._storage, self._queue)

    def _request_of(self, batch: Batch, key: str) -> LlmRequest | None:
        body = self.batches.body(batch, key)
        return _read(body) if body else None

    def _take_in(self, batch: Batch, key: str, result: LlmSummary | ProviderError) -> None:
        jobs, call = batch.jobs.get(key, []), batch.calls.get(key)
        if isinstance(result, ProviderError):
            if call is not None:
                self._ledger.failed(call, self._llm.billed(result), result.reason)
            self._failed([(job, failure(job, result)) for job in jobs], result)
            return
        body = encode(result, self._llm.summarizer.fingerprint)
        if call is not None and jobs:
            sent = Sent(jobs[0].session, jobs[0].user, key, self._llm.model, 0.0, "batch")
            self._ledger.answered(call, billed(result), sent, body)
        self._queue.answer(Answer(job, key, body if job is jobs[0] else None) for job in jobs)
        self._done(jobs)

    def _fail(self, left: Sequence[Job], error: ProviderError) -> None:
        if error.whole_run:
            self.report.stopped = self.report.stopped or error
            return
        # Nothing of what is missing was paid: it waits again.
        self._failed([(job, replace(failure(job, error), retry=True)) for job in left], error)

    def _failed(self, failures: Sequence[tuple[Job, Failure]], error: ProviderError) -> None:
        jobs = [job for job, _ in failures]
        self._queue.fail(failures, self._llm.summarizer.fingerprint)
        store_failures(self._storage, failures, self._llm.summarizer.fingerprint)
        self.report.failed += len(jobs)
        self.report.fallback += sum(not why.retry for _, why in failures)
        self._name(jobs, error.reason)

    def _skip(self, question: Question) -> None:
        self._queue.skip([(question.job, question.problem)])
        self.report.skipped += 1
        self._name([question.job], question.problem)

    def _done(self, jobs: Sequence[Job]) -> None:
        self.report.done += len(jobs)
        self._progress.advance(len(jobs))

    def _name(self, jobs: Sequence[Job], reason: str) -> None:
        room = MOST_NAMED - len(self.report.failures)
        self.report.failures += [(job.session, reason) for job in jobs[:room]]


def _untold(batch: Batch, told: Container[str]) -> list[Job]:
    """The jobs of a batch that nothing was said about."""
    return [job for key, jobs in batch.jobs.items() if key not in told for job in jobs]


def _written(request: LlmRequest) -> str:
    return orjson.dumps(request, option=orjson.OPT_UTC_Z).decode()


def _read(body: str) -> LlmRequest:
    fields = orjson.loads(body)
    messages = [
        Message(each["role"], each["content"], _moment(each["timestamp"]), each["name"])
        for each in fields.pop("messages")
    ]
    return LlmRequest(messages=messages, **fields)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
