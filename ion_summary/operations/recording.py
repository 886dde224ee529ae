"""How is every call entered in the ledger before it is made, and its answer kept before anybody uses it?

``Recorded`` wraps the summarizer that makes the calls, inside of what limits and repeats them. An answer that is kept
already is not asked for again, by whomever it was paid.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import orjson

from ion_summary.errors import ProviderError
from ion_summary.jobs.job import Job
from ion_summary.jobs.ledger import Billed, Ledger, Sent
from ion_summary.jobs.queue import Queue
from ion_summary.model import Usage
from ion_summary.summarizers.llm import Flag, LlmRequest, LlmSummarizer, LlmSummary, content_hash
from ion_summary.summarizers.llm.wrapper import Wrapper

_POLL_S = 0.2


@dataclass(slots=True)
class Attempt:
    """A job that is worked on: what is asked for it, and the key of the answer.

    ``in_flight`` calls for it are being made; ``ending``: no other may be begun; ``kept``: its answer is in the queue.
    """

    job: Job
    request: LlmRequest
    key: str
    in_flight: int = 0
    ending: bool = False
    kept: bool = False


#: That for which the calls of a task are made.
WORKING_ON: ContextVar[Attempt] = ContextVar("WORKING_ON")


class Recorded(Wrapper):
    """A wrapper that makes no call that the ledger does not know of.

    ``cost`` says what usage of a model costs, in US dollars.
    """

    def __init__(self, inner: LlmSummarizer, model: str, queue: Queue, cost: Callable[[Usage, str], float]) -> None:
        super().__init__(inner)
        self._model = model
        self._queue = queue
        self._ledger = Ledger(queue)
        self._cost = cost

    async def summarize(self, request: LlmRequest) -> LlmSummary:
        """The summary that is kept, or that is now paid for. Raises a ProviderError."""
        attempt = WORKING_ON.get()
        # Long sessions are asked for in parts; for the others the key is known.
        key = attempt.key if request is attempt.request else content_hash(self.fingerprint, request)
        estimate = self._cost(self.estimate(request), self._model)
        sent = Sent(attempt.job.session, attempt.job.user, key, self._model, estimate)
        while (number := None if attempt.ending else self._ledger.enter(sent)) is None:
            kept = self._queue.result(key)
            if kept is not None:
                # Whoever counts what calls cost must not count this one again.
                return replace(decode(kept)[0], usage=Usage(), cost_usd=0.0, calls=0)
            await _pause(attempt)
        attempt.in_flight += 1
        try:
            summary = await self._inner.summarize(request)
        except ProviderError as error:
            if error.perhaps_billed:
                self._ledger.lost(number, error.reason)
            else:
                self._ledger.failed(number, self._billed(error), error.reason)
            raise
        except BaseException:
            self._ledger.lost(number, "interrupted")
            raise
        finally:
            attempt.in_flight -= 1
        self._ledger.answered(number, billed(summary), sent, encode(summary, self.fingerprint))
        attempt.kept |= key == attempt.key
        return summary

    def _billed(self, error: ProviderError) -> Billed:
        usage = error.usage
        return Billed(error.model or self._model, usage.input, usage.output, usage.cached, error.cost_usd)


async def _pause(attempt: Attempt) -> None:
    """While another process asks the same."""
    import asyncio

    if attempt.ending:
        raise asyncio.CancelledError
    await asyncio.sleep(_POLL_S)


def billed(summary: LlmSummary) -> Billed:
    """What a summary has cost."""
    usage = summary.usage
    return Billed(summary.model, usage.input, usage.output, usage.cached, summary.cost_usd)


def encode(summary: LlmSummary, fingerprint: str) -> str:
    """A summary as it is kept, with what it was made by: JSON."""
    return orjson.dumps({"fingerprint": fingerprint, "summary": summary}).decode()


def decode(body: str) -> tuple[LlmSummary, str]:
    """The summary that ``encode`` wrote, and the fingerprint of what it was made by."""
    kept: dict[str, Any] = orjson.loads(body)
    fields, made_by = kept["summary"], kept["fingerprint"]
    summary = LlmSummary(
        text=fields["text"],
        tags=tuple(fields["tags"]),
        evidence=tuple(tuple(numbers) for numbers in fields["evidence"]),
        flags=tuple(Flag(**flag) for flag in fields["flags"]),
        usage=Usage(**fields["usage"]),
        model=fields["model"],
        cost_usd=fields["cost_usd"],
        calls=fields["calls"],
        language=fields["language"],
    )
    return summary, made_by
