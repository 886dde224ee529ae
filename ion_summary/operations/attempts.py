"""What is being asked at the moment, once for all sessions that ask the same, and what has been answered?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ion_summary.errors import ProviderError
from ion_summary.jobs.job import Answer, Job
from ion_summary.jobs.ledger import Ledger
from ion_summary.jobs.queue import Queue
from ion_summary.operations.recording import WORKING_ON, Attempt, encode
from ion_summary.summarizers.llm import LlmRequest, LlmSummarizer, content_hash

if TYPE_CHECKING:
    from asyncio import Event, Future, Task

# What ends within such a time is acknowledged together. Nobody waits for it: other calls have begun meanwhile.
_SLICE_S = 0.02


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to: an answer, a failure, or neither (another process is asking the same)."""

    job: Job
    answer: Answer | None = None
    error: ProviderError | None = None


class Attempts:
    """The jobs of ``queue`` that ``summarizer`` is asked about in this process."""

    def __init__(self, queue: Queue, summarizer: LlmSummarizer) -> None:
        self._queue = queue
        self._ledger = Ledger(queue)
        self._summarizer = summarizer
        self._under_way: dict[Task[Outcome], Attempt] = {}
        self._asked: dict[str, Future[None]] = {}
        self._ended: list[Task[Outcome]] = []
        self._event: Event | None = None  # made with the first attempt: it belongs to the event loop

    def __len__(self) -> int:
        """How many are under way, or have ended and not been looked at."""
        return len(self._under_way)

    def begin(self, job: Job, request: LlmRequest) -> None:
        """Asks for a summary."""
        import asyncio

        attempt = Attempt(job, request, content_hash(self._summarizer.fingerprint, request))
        task = asyncio.get_running_loop().create_task(self._ask(attempt))
        self._under_way[task] = attempt
        self._event = self._event or asyncio.Event()
        task.add_done_callback(self._end)

    async def wait(self, seconds: float) -> None:
        """Until some have ended, for at most so many seconds."""
        import asyncio
        import contextlib

        if self._event is None or not self._under_way:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
            if len(self._ended) < len(self._under_way):
                await asyncio.sleep(_SLICE_S)

    def outcomes(self) -> list[Outcome]:
        """What those came to that have ended since this was last asked, without the cancelled ones."""
        ended, self._ended = self._ended, []
        if self._event is not None:
            self._event.clear()
        for task in ended:
            del self._under_way[task]
        return [task.result() for task in ended if not task.cancelled()]

    def wind_down(self) -> None:
        """Has no other call begin; those that are being made go on: they are paid."""
        for task, attempt in self._under_way.items():
            attempt.ending = True
            if not attempt.in_flight:
                task.cancel()

    def cancel(self) -> None:
        """Ends all of them."""
        for task in self._under_way:
            task.cancel()

    def _end(self, task: Task[Outcome]) -> None:
        self._ended.append(task)
        if self._event is not None:
            self._event.set()

    async def _ask(self, attempt: Attempt) -> Outcome:
        import asyncio

        job, key = attempt.job, attempt.key
        while (other := self._asked.get(key)) is not None:
            await asyncio.wait([other])  # an equal session is on its way: it is paid once
        if self._queue.result(key) is not None:
            return Outcome(job, Answer(job, key, None))
        if self._ledger.is_busy(key):
            return Outcome(job)
        answered = self._asked[key] = asyncio.get_running_loop().create_future()
        WORKING_ON.set(attempt)
        try:
            summary = await self._summarizer.summarize(attempt.request)
        except ProviderError as error:
            return Outcome(job, error=error)
        else:
            # Each call's answer is kept already: this is the acknowledgement, and can wait for others.
            body = None if attempt.kept else encode(summary, self._summarizer.fingerprint)
            return Outcome(job, Answer(job, key, body))
        finally:
            del self._asked[key]
            answered.set_result(None)
