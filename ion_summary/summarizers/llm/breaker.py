"""When is it no use to ask the provider at all?

After a failure that every call would meet (a refused key, the quota of the day), or when nothing has come back for a
long time. Calls then fail without being sent, for a while: a queue of thousands must not ask thousands of times.
"""

from __future__ import annotations

from ion_summary.errors import ProviderError, ProviderUnavailableError
from ion_summary.summarizers.llm import LlmRequest, LlmSummarizer, LlmSummary
from ion_summary.summarizers.llm.wrapper import Wrapper

PATIENCE_S = 120.0
_LEAST_FAILURES = 8
#: The first rest; each that follows without a success in between is twice as long, up to the longest.
_REST_S, _LONGEST_REST_S = 5.0, 60.0


class Breaker(Wrapper):
    """A summarizer that is not asked while all would fail.

    Args:
        inner: the summarizer.
        patience_s: seconds without any success, and at least eight failures in a row, that mean: unavailable.
    """

    def __init__(self, inner: LlmSummarizer, patience_s: float = PATIENCE_S) -> None:
        super().__init__(inner)
        self._patience_s = patience_s
        self._failures = 0
        self._failing_since = 0.0
        self._rest_s = _REST_S
        self._open: tuple[float, ProviderError] | None = None

    async def summarize(self, request: LlmRequest) -> LlmSummary:
        """As the wrapped summarizer; while it rests, the failure that it rests for, with ``whole_run``."""
        import asyncio

        loop = asyncio.get_running_loop()
        if self._open is not None and loop.time() < self._open[0]:
            raise _again(self._open[1])
        try:
            summary = await self._inner.summarize(request)
        except ProviderError as error:
            self._count(error, loop.time())
            raise
        self._failures, self._rest_s, self._open = 0, _REST_S, None
        return summary

    def _count(self, error: ProviderError, now: float) -> None:
        if not isinstance(error, ProviderUnavailableError):
            self._failures = 0  # it answers
        else:
            self._failing_since = self._failing_since if self._failures else now
            self._failures += 1
            if self._failures >= _LEAST_FAILURES and now - self._failing_since >= self._patience_s:
                error.terminal = error.whole_run = True
        rests = self._open is not None and now < self._open[0]  # of several calls under way the first one has told
        if error.whole_run and not rests:
            self._open = (now + self._rest_s, error)
            self._rest_s = min(2 * self._rest_s, _LONGEST_REST_S)


def _again(error: ProviderError) -> ProviderError:
    """The same failure, of a call that was not made and so has cost nothing."""
    return type(error)(
        reason=error.reason,
        retry_after_s=error.retry_after_s,
        terminal=error.terminal,
        whole_run=True,
        model=error.model,
        calls=0,
    )
